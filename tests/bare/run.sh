#!/bin/sh
# Runs the README's commands on a bare Debian: what debootstrap makes with `minbase`, then only make, git and the Rust toolchain of
# this machine. Whatever a command needs and `make setup` does not install is found so.
#
#   tests/bare/run.sh                      all steps below
#   tests/bare/run.sh setup documents      some of them
#
# Needs root, debootstrap, and unshare (util-linux). What is mounted is mounted in a namespace of its own, and is gone with it.
#
#   BARE_ROOT       where the system is made, several GB; removed at the end unless KEEP=1 (default: below target/)
#   BARE_TARGET     a target/ to begin from, which saves compiling anew (it is copied)
#   DEBIAN_MIRROR, DEBIAN_SUITE   http://deb.debian.org/debian, bookworm
set -eu
cd "$(dirname "$0")/../.."
root=${BARE_ROOT:-$PWD/${CARGO_TARGET_DIR:-target}/bare}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
suite=${DEBIAN_SUITE:-bookworm}
[ $# -gt 0 ] || set -- setup run demo documents test
home=/root/campaign-manager

fail() {
    echo "bare: $1" >&2
    exit 1
}

# The second run of this script, in a namespace of its own: mounts, and runs the steps in the new system
inside() {
    for folder in proc dev sys; do mkdir -p "$root/$folder"; done
    mount --types proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    # Tests keep their servers there, and remove those of processes that do not exist: processes of this machine have other numbers here
    mount -t tmpfs shm "$root/dev/shm"
    mkdir -p "$root/root/.cargo/registry" "$root/root/.rustup"
    cargo_home=${CARGO_HOME:-$HOME/.cargo}
    mkdir -p "$cargo_home/registry"
    mount --bind "$cargo_home/registry" "$root/root/.cargo/registry"
    mount --bind "${RUSTUP_HOME:-$HOME/.rustup}" "$root/root/.rustup"
    for step in "$@"; do
        echo "== $step" >&2
        env --ignore-environment HOME=/root TERM=dumb LANG=C.UTF-8 PATH=/root/.cargo/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            ${CARGO_PROFILE_DEV_DEBUG:+"CARGO_PROFILE_DEV_DEBUG=$CARGO_PROFILE_DEV_DEBUG"} \
            ${CARGO_BUILD_JOBS:+"CARGO_BUILD_JOBS=$CARGO_BUILD_JOBS"} \
            chroot "$root" sh -eu -c "cd $home && . tests/bare/steps.sh && step_$step" </dev/null || fail "$step failed"
    done
}

if [ "${BARE_INSIDE:-}" ]; then
    inside "$@"
    exit
fi

[ "$(id -u)" = 0 ] || fail "it makes a system and changes into it, so it must be root"
for program in debootstrap unshare rustup; do command -v $program >/dev/null || fail "$program is missing"; done

cleanup() {
    # Nothing is mounted here: that was in the namespace
    [ "${KEEP:-}" ] || rm -rf --one-file-system "$root"
}
trap cleanup EXIT
trap 'exit 1' HUP INT TERM

if [ ! -e "$root/etc/bare" ]; then
    mkdir -p "$root"
    debootstrap --variant=minbase "$suite" "$root" "$mirror" >&2
    # a proxy's authority, say, that this machine trusts
    chroot "$root" sh -c 'apt-get update -q && apt-get install -q -y --no-install-recommends make git ca-certificates' >&2
    cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
    mkdir -p "$root/root/.cargo"
    cp -a "${CARGO_HOME:-$HOME/.cargo}/bin" "$root/root/.cargo/"
    touch "$root/etc/bare"
fi

# What is committed, as somebody would clone it; and what is not yet, for whoever works on it
rm -rf "${root:?}$home.new"
git clone --quiet --no-hardlinks . "$root$home.new"
git diff HEAD --binary | git -C "$root$home.new" apply --allow-empty
if [ -d "$root$home/target" ]; then mv "$root$home/target" "$root$home.new/target"; fi
rm -rf "${root:?}$home"
mv "$root$home.new" "$root$home"
if [ "${BARE_TARGET:-}" ] && [ ! -d "$root$home/target" ]; then cp -a "$BARE_TARGET" "$root$home/target"; fi

BARE_INSIDE=1 unshare --mount --propagation private --pid --fork --kill-child sh "$0" "$@"
echo "bare: $* went well" >&2
