#!/bin/sh
# Makes the base images that the Dockerfiles and the compose file name out of Debian's packages, for a machine that reaches no
# registry of images. It takes only those names that Podman does not have yet: where a registry can be reached, `podman pull` them
# first. Needs root, debootstrap, podman, and the Rust toolchain that is in use.
#
# They stand for the real ones and are not those: the C library, Redis (7.0 for 7.2) and PostgreSQL are Debian's, the entry point of
# Postgres does what the compose file asks of the official one, and the toolchain is copied from this machine.
set -eu
cd "$(dirname "$0")/../.."
work=${1:?a folder to work in}
shift
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
export DEBIAN_FRONTEND=noninteractive

# The image that an ARG of a Dockerfile names
base() { sed -n "s/^ARG $2=\([^@]*\).*/\1/p" "infra/docker/Dockerfile.$1"; }

# A copy of the bare system with these packages, and users of the numbers that the official images have
system() {
    to=$work/$1
    rm -rf "$to"
    cp -a "$work/debian" "$to"
    shift
    for user in redis postgres; do chroot "$to" useradd --system --uid 999 --non-unique --user-group --home-dir /nonexistent $user; done
    [ $# = 0 ] || chroot "$to" apt-get install -q -y --no-install-recommends "$@" >&2
    rm -rf "$to/var/cache/apt" "$to/var/lib/apt/lists"
}

# Gives a folder to Podman as an image
image() {
    name=$1 folder=$2
    shift 2
    tar --directory "$folder" --create --one-file-system . | podman import --quiet "$@" - "$name"
}

made() { podman image exists "$1"; }

debian() {
    [ ! -e "$work/debian/usr/sbin/policy-rc.d" ] || return 0
    [ -d "$work/debian" ] || debootstrap --variant=minbase bookworm "$work/debian" "$mirror" >&2
    chroot "$work/debian" apt-get update -q >&2
    chroot "$work/debian" apt-get install -q -y --no-install-recommends ca-certificates >&2
    # what this machine trusts, for whom a proxy stands between it and the registry of crates
    cp /etc/ssl/certs/ca-certificates.crt "$work/debian/etc/ssl/certs/ca-certificates.crt"
    printf '#!/bin/sh\nexit 101\n' >"$work/debian/usr/sbin/policy-rc.d"
    chmod 755 "$work/debian/usr/sbin/policy-rc.d"
}

rust() {
    system rust gcc libc6-dev
    toolchain=$(rustc --print sysroot)
    mkdir -p "$work/rust/usr/local/lib"
    cp -a "$toolchain/bin" "$work/rust/usr/local/"
    cp -a "$toolchain/lib/." "$work/rust/usr/local/lib/"
    image "$1" "$work/rust" --change ENV=CARGO_HOME=/usr/local/cargo \
        --change ENV=PATH=/usr/local/cargo/bin:/usr/local/bin:/usr/bin:/bin
}

# What distroless' cc has: the C library, libgcc and CA certificates, no shell
runtime() {
    to=$work/runtime
    rm -rf "$to" "$work/packages"
    mkdir -p "$to/etc/ssl/certs" "$to/tmp" "$to/home/nonroot" "$work/packages"
    chmod 755 "$work/packages"
    (cd "$work/packages" && apt-get download -q -o "Dir=$work/debian" -o "APT::Sandbox::User=root" base-files libc6 libgcc-s1 netbase tzdata >&2)
    for package in "$work"/packages/*.deb; do dpkg-deb --extract "$package" "$to"; done
    cp "$work/debian/etc/ssl/certs/ca-certificates.crt" "$to/etc/ssl/certs/"
    echo 'nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin' >"$to/etc/passwd"
    echo 'nonroot:x:65532:' >"$to/etc/group"
    image "$1" "$to" --change USER=65532 --change ENV=SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
}

redis() {
    system redis redis-server
    mkdir "$work/redis/data"
    chown 999:999 "$work/redis/data"
    image "$1" "$work/redis" --change WORKDIR=/data --change 'CMD=["redis-server"]'
}

postgres() {
    system postgres postgresql-15
    cp tests/images/postgres.sh "$work/postgres/usr/local/bin/docker-entrypoint.sh"
    chmod 755 "$work/postgres/usr/local/bin/docker-entrypoint.sh"
    # as in the official image
    mkdir -p "$work/postgres/var/lib/postgresql/data" "$work/postgres/run/postgresql"
    chown 999:999 "$work/postgres/var/lib/postgresql/data" "$work/postgres/run/postgresql"
    chmod 3777 "$work/postgres/run/postgresql"
    image "$1" "$work/postgres" --change ENV=PATH=/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin \
        --change ENV=PGDATA=/var/lib/postgresql/data --change 'ENTRYPOINT=["docker-entrypoint.sh"]' --change 'CMD=["postgres"]'
}

mkdir -p "$work"
# A program that was compiled already needs no compiler
[ "${PROGRAM:-}" ] || set -- "rust $(base api RUST_IMAGE)"
for wanted in "$@" "runtime $(base api RUNTIME_IMAGE)" "redis $(base pubsub REDIS_IMAGE)" \
    "postgres $(sed -n 's/.*POSTGRES_IMAGE:-\([^}@]*\).*/\1/p' infra/docker-compose.yml | head -n 1)"; do
    make=${wanted%% *} name=${wanted#* }
    made "$name" && continue
    debian
    echo "making $name" >&2
    "$make" "$name" >&2
    rm -rf "${work:?}/$make"
done
