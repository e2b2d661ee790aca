#!/bin/sh
# Builds the images of a release from bases that are named by digest, and pushes them.
#
#   infra/release.sh registry.example/shop 0.1.0
#
# A tag can be moved to another image; a digest cannot. The Dockerfiles name tags, because a digest is only known to a registry.
# This script asks the registry for the digest of each base, builds from exactly that, and prints the digest of each result, which
# is what Kubernetes is to run. A base that is already named by digest (by the update bot, or in the environment, as in
# RUST_IMAGE=rust:1.95-bookworm@sha256:…) is taken as it stands.
set -eu
cd "$(dirname "$0")/.."
registry=${1:?the registry, and the path in it} tag=${2:?the tag of the release}

fail() {
    echo "release: $1" >&2
    exit 1
}

# The image with its digest
pinned() {
    case $1 in
    *@sha256:*) image=$1 ;;
    *)
        digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$1") || fail "the registry does not know $1"
        image=$1@$digest
        ;;
    esac
    printf %s "$image" | grep -Eqx '[^@ ]+@sha256:[0-9a-f]{64}' || fail "$1 has no digest: $image"
    printf %s "$image"
}

for image in api worker pubsub; do
    file=infra/docker/Dockerfile.$image
    set -- --file "$file" --build-arg "REVISION=$(git rev-parse HEAD)" --tag "$registry/campaign-manager-$image:$tag"
    for base in $(sed -n 's/^ARG \([A-Z]*_IMAGE\)=.*/\1/p' "$file"); do
        eval "named=\${$base:-}"
        base_image=$(pinned "${named:-$(sed -n "s/^ARG $base=//p" "$file")}")
        set -- "$@" --build-arg "$base=$base_image"
    done
    docker buildx build --push --metadata-file "target/release-$image.json" "$@" .
    digest=$(sed -n 's/.*"containerimage.digest": *"\(sha256:[0-9a-f]*\)".*/\1/p' "target/release-$image.json")
    [ -n "$digest" ] || fail "no digest of $image in target/release-$image.json"
    echo "campaign-manager-$image=$registry/campaign-manager-$image@$digest"
done
