"""The workflow of CI: least rights, pinned actions, and everything that .ci/run runs."""

import re

import pytest
import yaml
from repository import ROOT, WORKFLOW, compose, tool

SAID = yaml.safe_load(WORKFLOW.read_text())
JOBS = SAID["jobs"]
STEPS = [pytest.param(step, id=f"{name}-{number}") for name, job in JOBS.items() for number, step in enumerate(job["steps"])]


def test_it_is_a_workflow():
    tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", str(WORKFLOW))


def test_zizmor_has_nothing_to_say():
    tool("zizmor", "--offline", "--no-progress", "--strict-collection", "--persona=pedantic", str(WORKFLOW))


@pytest.mark.parametrize("step", STEPS)
def test_actions_are_pinned_by_commit_with_the_version_beside_it(step):
    if "uses" in step:
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", step["uses"])
        line = next(line for line in WORKFLOW.read_text().splitlines() if step["uses"] in line)
        assert re.search(r"# v\d+\.\d+\.\d+$", line)


@pytest.mark.parametrize("step", STEPS)
def test_a_checkout_leaves_no_credentials_behind(step):
    if step.get("uses", "").startswith("actions/checkout@"):
        assert step["with"]["persist-credentials"] is False


def test_nothing_may_do_more_than_read():
    assert SAID["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in JOBS.values())


@pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
def test_each_job_has_an_end_and_a_cache(job):
    assert job["timeout-minutes"] <= 60
    assert any(re.match("Swatinem/rust-cache|docker/build-push|EmbarkStudios/cargo-deny", step.get("uses", "")) for step in job["steps"])


def test_what_ci_run_runs_is_run():
    def targets(text):
        return set(re.findall(r"\bmake ([a-z-]+)", text))

    runs = " ".join(step.get("run", "") for job in JOBS.values() for step in job["steps"])
    runs += " " + " ".join(f"make {target}" for target in JOBS["test"]["strategy"]["matrix"]["target"])
    assert targets((ROOT / ".ci/run").read_text()) - {"setup"} <= targets(runs)
    assert {"lint", "fuzz"} <= targets(runs) and "cargo bench --locked --no-run" in runs


def test_all_images_are_built_as_the_compose_file_names_them_and_tried_together():
    steps = JOBS["images"]["steps"]
    built = {step["with"]["tags"]: step["with"]["file"] for step in steps if "build-push" in step.get("uses", "")}
    wanted = {
        service["image"].replace(":latest", ":ci"): service["build"]["dockerfile"]
        for service in compose()["services"].values()
        if "build" in service
    }
    assert built == wanted and JOBS["images"]["env"]["TAG"] == "ci"
    runs = " ".join(step.get("run", "") for step in steps)
    assert "up --no-build --wait" in runs and "infra/smoke.sh" in runs
    assert all(not step["with"].get("push") for step in steps if "build-push" in step.get("uses", ""))
