"""The images: small, of cached layers, and not root's. There is no engine in the tests; `images` in ci.yml builds and runs them."""

import os
import re
import shutil
import subprocess

import pytest
from repository import INFRA, ROOT, compose, dockerfile, tool

IMAGES = ("api", "worker", "pubsub")


@pytest.mark.parametrize("which", IMAGES)
def test_hadolint_has_nothing_to_say(which):
    tool("hadolint", "--failure-threshold=style", str(INFRA / f"docker/Dockerfile.{which}"))


@pytest.mark.parametrize("which", IMAGES)
def test_bases_are_pinned_and_can_be_pinned_by_digest(which):
    text = (INFRA / f"docker/Dockerfile.{which}").read_text()
    pins = dict(re.findall(r"^ARG (\w+_IMAGE)=(\S+)$", text, flags=re.M))
    names = {stage["name"] for stage in dockerfile(which)}
    for stage in dockerfile(which):
        if stage["base"] not in names:
            image = pins[re.fullmatch(r"\$\{(\w+)\}", stage["base"])[1]]
            assert re.fullmatch(r"[a-z0-9./-]+:[a-z0-9.-]+(@sha256:[0-9a-f]{64})?", image) and ":latest" not in image


@pytest.mark.parametrize("which", IMAGES)
def test_the_image_runs_as_a_number_and_is_ended_by_a_signal(which):
    does = dict(dockerfile(which)[-1]["does"])
    user, group = does["USER"].split(":")
    assert int(user) >= 100 and int(group) >= 100
    assert does["STOPSIGNAL"] == "SIGTERM"
    assert does["ENTRYPOINT"].startswith("["), "a shell before it would keep the signal"
    assert "org.opencontainers.image.title" in does["LABEL"]


@pytest.mark.parametrize("which", ["api", "worker"])
def test_the_final_image_holds_one_file(which):
    final = dockerfile(which)[-1]["does"]
    assert [rest for does, rest in final if does in ("COPY", "ADD", "RUN")] == [
        "--from=build /src/target/dist/campaign-manager /usr/local/bin/campaign-manager"
    ]


def test_what_compiles_is_the_same_to_the_letter_so_that_it_is_done_once():
    assert dockerfile("api")[:-1] == dockerfile("worker")[:-1]
    texts = [(INFRA / f"docker/Dockerfile.{which}").read_text() for which in ("api", "worker")]
    compiling = [text[text.index("\nARG RUST_IMAGE") : text.index("AS runtime")] for text in texts]
    assert compiling[0] == compiling[1]


@pytest.mark.parametrize("which", ["api", "worker"])
def test_dependencies_are_a_layer_before_the_sources(which):
    (build,) = [stage for stage in dockerfile(which) if stage["name"] == "build"]
    order = [(does, rest) for does, rest in build["does"] if does in ("COPY", "RUN")]
    assert order[0] == ("COPY", "--from=recipe /src/recipe.json recipe.json")
    assert "cargo chef cook" in order[1][1] and order[2] == ("COPY", ". .")
    for does, rest in order:
        if does == "RUN":
            assert "--locked" in rest and "--profile dist" in rest


def test_the_compiler_is_the_oldest_that_cargo_toml_allows():
    version = re.search(r'^rust-version = "(.+)"$', (ROOT / "Cargo.toml").read_text(), flags=re.M)[1]
    assert re.search(rf"^ARG RUST_IMAGE=rust:{version}-bookworm(@|$)", (INFRA / "docker/Dockerfile.api").read_text(), flags=re.M)


def test_the_build_sees_what_it_needs_and_nothing_of_the_developer():
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines, "what is not named is left out"
    seen = {line[1:] for line in lines if line.startswith("!")}
    assert {"Cargo.toml", "Cargo.lock", "build.rs", "src", "migrations"} <= seen
    assert not {".env", ".git", "target", ".data"} & seen
    assert all((ROOT / path).exists() for path in seen)
    included = re.findall(r'include_str!\("((?:\.\./)+[^"]+)"\)', (ROOT / "src/api/openapi.rs").read_text())
    assert {path.replace("../", "") for path in included} <= seen


def test_cargo_finds_every_target_in_what_the_build_sees(tmp_path):
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] not in "#*"]
    for line in lines:
        if line.startswith("!"):
            source, target = ROOT / line[1:], tmp_path / line[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
        else:
            shutil.rmtree(tmp_path / line, ignore_errors=True)
    command = [os.environ.get("CARGO", "cargo"), "metadata", "--no-deps", "--offline", "--format-version=1"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr


def test_compose_builds_the_images_that_there_are():
    built = {service["build"]["dockerfile"] for service in compose()["services"].values() if "build" in service}
    assert built == {f"infra/docker/Dockerfile.{which}" for which in IMAGES}
