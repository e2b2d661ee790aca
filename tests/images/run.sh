#!/bin/sh
# Builds the three images with Podman and runs the system as the compose file has it. As root; needs podman, ip, and debootstrap
# where no registry of images can be reached: see bases.sh.
#
#   PROGRAM      a campaign-manager that was compiled already, to be put into the images in place of compiling it there: the stages
#                before the last are left out, and everything else is as in the Dockerfiles
#   PODMAN_RUN   more flags for each `podman run`, such as "--ulimit nproc=1024:1024" where a container may not raise its limits
#   KEEP=1       leaves the images
set -eu
cd "$(dirname "$0")/../.."
work=${IMAGES_WORK:-${CARGO_TARGET_DIR:-target}/images}

fail() {
    echo "images: $1" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || fail "it builds in a chroot and makes a network of its own, so it must be root"
for program in podman ip unshare; do command -v $program >/dev/null || fail "$program is missing"; done

# Those of a registry, where it can be reached
for file in infra/docker/Dockerfile.api infra/docker/Dockerfile.pubsub; do
    for image in $(sed -n 's/^ARG [A-Z]*_IMAGE=//p' $file); do
        podman image exists "$image" || timeout 60 podman pull --quiet "$image" >/dev/null 2>&1 || made=yes
    done
done
[ -z "${made:-}" ] || command -v debootstrap >/dev/null || fail "debootstrap is missing, and no registry can be reached"
case $work in /*) ;; *) work=$PWD/$work ;; esac
sh tests/images/bases.sh "$work"

# The worker's image has the stages of the other, and takes them from there
set --
if [ "${PROGRAM:-}" ]; then
    rm -rf "$work/program"
    mkdir -p "$work/program/src/target/dist"
    cp "$PROGRAM" "$work/program/src/target/dist/campaign-manager"
    strip --strip-debug "$work/program/src/target/dist/campaign-manager"
    tar --directory "$work/program" --create . | podman import --quiet - campaign-manager-built:latest
    set -- --build-context build=docker-image://localhost/campaign-manager-built:latest
fi
for image in api worker pubsub; do
    podman build "$@" --isolation=chroot --network=host --pull=never --layers --build-arg "REVISION=$(git rev-parse HEAD)" \
        --file "infra/docker/Dockerfile.$image" --tag "campaign-manager-$image:latest" .
done

# In a network of their own, containers take no port of this machine and reach nobody
unshare --net sh -eu -c 'ip link set lo up; exec "$@"' sh \
    env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests/manifests \
    "${CARGO_TARGET_DIR:-target}/manifests/venv/bin/pytest" -p no:cacheprovider -q -rP tests/images
[ "${KEEP:-}" ] || podman rmi --force --ignore campaign-manager-built campaign-manager-api campaign-manager-worker campaign-manager-pubsub >/dev/null
