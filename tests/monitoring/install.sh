#!/bin/sh
# Installs what draws the dashboards below target/monitoring: matplotlib, in a virtual environment. All is pinned, with
# hashes. Where it is there already it does nothing.
set -eu
cd "$(dirname "$0")/../.."
from=tests/monitoring
to=${CARGO_TARGET_DIR:-target}/monitoring

wanted=$(cat "$from/install.sh" "$from/requirements.txt" | cksum)
if [ "$(cat "$to/installed" 2>/dev/null)" = "$wanted" ] && "$to/venv/bin/python" -c ''; then exit; fi

python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; $(command -v python3) is $(python3 --version)" >&2
    exit 1
}
echo "Installing matplotlib below $to" >&2
rm -rf "$to"
mkdir -p "$to"
python3 -m venv "$to/venv"
"$to/venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes --requirement "$from/requirements.txt"
echo "$wanted" >"$to/installed"
