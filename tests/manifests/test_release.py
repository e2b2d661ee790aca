"""The images of a release are built from bases that are named by digest. There is no registry in the tests: `docker` is a stub."""

import json
import os
import re
import subprocess

import pytest
from repository import INFRA, ROOT

DIGEST = "sha256:" + "0123456789abcdef" * 4
STUB = """#!/bin/sh
case $* in
"buildx imagetools inspect"*) echo "$KNOWN" ;;
"buildx build"*)
    printf '%s\\n' "$*" >>"$ASKED"
    while [ "$1" != --metadata-file ]; do shift; done
    echo "{\\"containerimage.digest\\": \\"$KNOWN\\"}" >"$2"
    ;;
esac
"""


def release(tmp_path, known, **more):
    (tmp_path / "docker").write_text(STUB)
    (tmp_path / "docker").chmod(0o755)
    (ROOT / "target").mkdir(exist_ok=True)
    said = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "KNOWN": known, "ASKED": str(tmp_path / "asked"), **more}
    return subprocess.run(["sh", INFRA / "release.sh", "registry.example/shop", "1.2.3"], env=said, capture_output=True, text=True, timeout=60)


def test_every_base_has_its_digest_and_every_image_tells_its_own(tmp_path):
    ran = release(tmp_path, DIGEST)
    assert ran.returncode == 0, ran.stderr
    builds = (tmp_path / "asked").read_text().splitlines()
    for build, image in zip(builds, ("api", "worker", "pubsub"), strict=True):
        text = (INFRA / f"docker/Dockerfile.{image}").read_text()
        for base in re.findall(r"^ARG (\w+_IMAGE)=", text, flags=re.M):
            assert re.search(rf"--build-arg {base}=\S+:\S+@{DIGEST}( |$)", build)
        assert f"--tag registry.example/shop/campaign-manager-{image}:1.2.3" in build
    assert ran.stdout.splitlines() == [
        f"campaign-manager-{image}=registry.example/shop/campaign-manager-{image}@{DIGEST}" for image in ("api", "worker", "pubsub")
    ]


@pytest.mark.parametrize("known", ["", "latest", DIGEST[:-1]])
def test_a_base_without_a_digest_is_not_built_from(known, tmp_path):
    ran = release(tmp_path, known)
    assert ran.returncode != 0 and "digest" in ran.stderr
    assert not (tmp_path / "asked").exists()


def test_a_base_that_is_named_by_digest_is_taken_as_it_stands(tmp_path):
    ran = release(tmp_path, DIGEST, RUST_IMAGE=f"mirror.example/rust:1.95@sha256:{'f' * 64}")
    assert ran.returncode == 0 and f"RUST_IMAGE=mirror.example/rust:1.95@sha256:{'f' * 64}" in (tmp_path / "asked").read_text()


def test_the_update_bot_pins_images_and_actions():
    said = json.loads((ROOT / "renovate.json").read_text())
    assert {"docker:pinDigests", "helpers:pinGitHubActionDigests"} <= set(said["extends"])
    assert {"dockerfile", "docker-compose", "kubernetes", "github-actions", "cargo"} <= set(said["enabledManagers"])
