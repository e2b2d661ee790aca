#!/bin/sh
# Installs what the project needs and this machine lacks: redis-server, the PostgreSQL server, a C compiler and linker for cargo, and
# curl, which the README's commands call.
# Called with `clients`, also what the tests of clients need: Python with its venv module, zstd and Chromium; called with
# `monitoring`, what those of the dashboards and alerts need: Prometheus, and Python to draw with.
# On Debian and Ubuntu through apt-get; elsewhere it says what is missing and how to get it, and fails.
#
# Only the programs are wanted: the project starts servers of its own. So a service that is newly installed is neither
# started nor left to start at boot, and no database cluster is made. What was installed before is not touched.
set -eu

has() { command -v "$1" >/dev/null 2>&1; }

has_postgres() {
    has initdb && return
    for initdb in /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb \
        /opt/homebrew/opt/postgresql*/bin/initdb /usr/local/opt/postgresql*/bin/initdb; do
        [ -x "$initdb" ] && return
    done
    return 1
}

# The missing programs, as names of Debian's packages.
missing() {
    has cc || echo gcc libc6-dev
    has redis-server || echo redis-server
    has_postgres || echo postgresql
    has curl || echo curl ca-certificates
    case $1 in
    clients) missing_for_clients ;;
    monitoring) missing_for_monitoring ;;
    esac
}

missing_for_clients() {
    # Debian's Python makes no virtual environment without another package
    python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
    has zstd || echo zstd
    has chromium || echo chromium
}

missing_for_monitoring() {
    # with promtool, which checks and tests rules
    has promtool && has prometheus || echo prometheus
    python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

check_cargo() {
    has "${CARGO:-cargo}" || fail \
        "Rust is missing. Install it, then run this again from a new shell:" \
        "  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y"
}

# Claims need SET … NX GET, which came with Redis 7.0; Ubuntu 22.04 and Debian 11 have an older one.
check_redis() {
    version=$(redis-server --version | sed -n 's/.* v=\([0-9]*\)\..*/\1/p')
    [ "${version:-0}" -ge 7 ] || fail \
        "Redis 7.0 or newer is needed; $(command -v redis-server) is older. The makers' own packages are newer:" \
        "  curl -fsSL https://packages.redis.io/gpg | sudo gpg --dearmor -o /usr/share/keyrings/redis-archive-keyring.gpg" \
        "  echo \"deb [signed-by=/usr/share/keyrings/redis-archive-keyring.gpg] https://packages.redis.io/deb \$(. /etc/os-release && echo \$VERSION_CODENAME) main\" | sudo tee /etc/apt/sources.list.d/redis.list" \
        "  sudo apt-get update && sudo apt-get install redis-server"
}

say_how() {
    case $(uname -s) in
    Darwin)
        fail "Missing: $*. With Homebrew (and Apple's command line tools, for cc):" \
            "  xcode-select --install" "  brew install redis postgresql"
        ;;
    *)
        fail "Missing: $*. As root:" \
            "  Debian, Ubuntu:  apt-get update && apt-get install --no-install-recommends $*" \
            "  Fedora:          dnf install gcc redis postgresql-server curl" \
            "  Arch:            pacman -S gcc redis postgresql curl"
        ;;
    esac
}

# Runs the installation below with the rights that it needs.
install_as_root() {
    if [ "$(id -u)" = 0 ]; then
        sh "$0" --install "$@"
    elif has sudo; then
        echo "Installing with sudo: $*" >&2
        sudo sh "$0" --install "$@" || say_how "$@"
    else
        say_how "$@"
    fi
}

install() {
    no_cluster=/etc/postgresql-common/createcluster.d/campaign-manager-setup.conf
    no_start=/usr/sbin/policy-rc.d
    made=
    # both files hold for this installation only
    trap 'rm -f $made' EXIT
    trap 'exit 1' HUP INT TERM

    mkdir -p "${no_cluster%/*}"
    made=$no_cluster
    echo 'create_main_cluster = false' >"$no_cluster"
    if [ ! -e "$no_start" ]; then
        made="$made $no_start"
        printf '#!/bin/sh\nexit 101\n' >"$no_start"
        chmod 755 "$no_start"
    fi

    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -q -y --no-install-recommends "$@"

    for service in redis-server prometheus; do
        case " $* " in
        *" $service "*)
            if has systemctl; then systemctl --quiet disable "$service.service"; else update-rc.d "$service" disable; fi
            ;;
        esac
    done
}

if [ "${1:-}" = --install ]; then
    shift
    install "$@"
    exit
fi

check_cargo
packages=$(missing "${1:-}")
if [ -n "$packages" ]; then
    # the names of packages hold no spaces
    # shellcheck disable=SC2086
    if has apt-get; then install_as_root $packages; else say_how $packages; fi
fi
check_redis
