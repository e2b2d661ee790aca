"""The manifests speak of settings, ports and routes that the program has."""

import re

import pytest
from repository import (
    OVERLAYS, compose, containers, dockerfile, environment, image_environment, named, of_kind, overlay, pods, seconds,
    settings,
)

ROLES = {"serve": "api", "worker": "worker", "migrate": "worker"}
# Of the servers' own images, not of the program
OTHERS = {"redis", "postgres", "prometheus", "grafana"}


def roles(objects):
    """The pods of the program: object, spec and the role's container."""
    for o, spec, _ in pods(objects):
        if o["metadata"]["name"] in ROLES:
            yield o, spec, spec["containers"][0]


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_is_set_is_a_setting(name):
    for _, spec, _ in roles(overlay(name)):
        for container in containers(spec):
            assert environment(overlay(name), container).keys() <= settings().keys(), container["name"]


def test_what_compose_and_the_images_set_is_a_setting():
    for name, service in compose()["services"].items():
        assert name in OTHERS or service["environment"].keys() <= settings().keys(), name
    for which in ("api", "worker"):
        assert image_environment(which).keys() <= settings().keys()


@pytest.mark.parametrize("name", OVERLAYS)
def test_each_role_has_its_image_and_its_command(name):
    found = {}
    for o, spec, container in roles(overlay(name)):
        role = o["metadata"]["name"]
        found[role] = container["args"]
        for used in containers(spec):
            assert used["image"].rpartition(":")[0] == f"campaign-manager-{ROLES[role]}"
            assert "command" not in used, "the image's entry point is the program"
    assert found == {role: [role] for role in ROLES}


@pytest.mark.parametrize("name", OVERLAYS)
def test_both_roles_agree_on_what_they_must_agree_on(name):
    sources = {str(c["envFrom"]) for o, _, c in roles(overlay(name)) if o["kind"] == "Deployment"}
    assert len(sources) == 1
    (settings_map,) = [o for o in of_kind(overlay(name), "ConfigMap")]
    assert "SHARDS" in settings_map["data"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_secrets_come_from_the_secret_and_each_role_gets_its_own(name):
    needs = {
        "serve": {"DATABASE_URL": "SERVE_DATABASE_URL", "REDIS_URL": "SERVE_REDIS_URL"},
        "worker": {"DATABASE_URL": "WORKER_DATABASE_URL", "REDIS_URL": "WORKER_REDIS_URL"},
        "migrate": {"DATABASE_URL": "OWNER_DATABASE_URL", "SERVE_ROLE": "SERVE_ROLE", "WORKER_ROLE": "WORKER_ROLE"},
    }
    for o, spec, container in roles(overlay(name)):
        secret = {v["name"]: v["valueFrom"]["secretKeyRef"]["key"] for v in container["env"] if "valueFrom" in v}
        assert secret == needs[o["metadata"]["name"]]
        assert all(v["name"] not in ("DATABASE_URL", "REDIS_URL") or "value" not in v for v in container["env"])
        for waits in spec.get("initContainers", []):
            if waits["name"] == "schema":
                (variable,) = waits["env"]
                assert variable["valueFrom"]["secretKeyRef"]["key"] == needs[o["metadata"]["name"]]["DATABASE_URL"]


def test_nobody_who_stays_logs_in_as_a_superuser():
    for name, service in compose()["services"].items():
        superuser = "//campaigns:" in str(service.get("environment"))
        assert superuser == (name == "roles"), name
    objects = overlay("dev")
    for o, spec, _ in pods(objects):
        for container in containers(spec):
            keys = {v["valueFrom"]["secretKeyRef"]["key"] for v in container.get("env", []) if "valueFrom" in v}
            assert ("SUPERUSER_DATABASE_URL" in keys) == (container["name"] == "roles")


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_grace_is_longer_than_the_drain(name):
    for o, spec, container in roles(overlay(name)):
        if o["kind"] != "Deployment":
            continue
        said = settings() | environment(overlay(name), container)
        drain = seconds(said["SHUTDOWN_DELAY"]) + seconds(said["SHUTDOWN_TIMEOUT"])
        assert drain + 5 <= spec["terminationGracePeriodSeconds"] <= drain + 30, o["metadata"]["name"]


def test_compose_waits_longer_than_the_drain():
    for name in ("serve", "worker"):
        service = compose()["services"][name]
        said = settings() | service["environment"]
        drain = seconds(said["SHUTDOWN_DELAY"]) + seconds(said["SHUTDOWN_TIMEOUT"])
        assert seconds(service["stop_grace_period"]) >= drain + 5


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_server_is_taken_out_before_it_stops(name):
    _, _, container = next(found for found in roles(overlay(name)) if found[0]["metadata"]["name"] == "serve")
    probe, said = container["readinessProbe"], environment(overlay(name), container)
    assert seconds(said["SHUTDOWN_DELAY"]) >= probe["periodSeconds"] * probe["failureThreshold"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_ports_are_those_that_the_image_listens_on(name):
    for o, _, container in roles(overlay(name)):
        if o["kind"] != "Deployment":
            continue
        which = ROLES[o["metadata"]["name"]]
        listens = image_environment(which) | environment(overlay(name), container)
        wanted = {"admin": int(listens["ADMIN_ADDR"].rpartition(":")[2])}
        if which == "api":
            wanted["http"] = int(listens["HTTP_ADDR"].rpartition(":")[2])
        assert {p["name"]: p["containerPort"] for p in container["ports"]} == wanted
        exposed = [rest for does, rest in dockerfile(which)[-1]["does"] if does == "EXPOSE"]
        assert exposed == [" ".join(str(port) for port in sorted(wanted.values()))]


@pytest.mark.parametrize("name", OVERLAYS)
def test_probes_ask_the_admin_port_for_what_it_has(name):
    for o, _, container in roles(overlay(name)):
        if o["kind"] != "Deployment":
            continue
        asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
        assert {get["port"] for get in asked.values()} == {"admin"}
        paths = {kind: get["path"] for kind, get in asked.items()}
        assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
        assert container["readinessProbe"]["timeoutSeconds"] > 2, "the checks themselves may take two seconds"


@pytest.mark.parametrize("name", OVERLAYS)
def test_services_lead_to_ports_that_there_are(name):
    by_label = {labels["app.kubernetes.io/name"]: spec for _, spec, labels in pods(overlay(name))}
    named_ports = {pod: {p["name"] for c in spec["containers"] for p in c.get("ports", [])} for pod, spec in by_label.items()}
    serve = named(overlay(name), "Service", "serve")
    assert {p["targetPort"] for p in serve["spec"]["ports"]} == {"http"}, "the admin port is for no client"
    assert "http" in named_ports["serve"]
    metrics = named(overlay(name), "Service", "metrics")
    assert {p["targetPort"] for p in metrics["spec"]["ports"]} == {"admin"}


@pytest.mark.parametrize("name", OVERLAYS)
def test_pods_wait_for_the_schema_longer_than_the_job_may_take(name):
    job = named(overlay(name), "Job", "migrate")
    for o, spec, _ in roles(overlay(name)):
        if o["kind"] == "Deployment":
            (waits,) = spec["initContainers"]
            check, wait = waits["args"][1:]
            assert waits["args"][0] == "migrate" and check == "--check"
            assert seconds(re.fullmatch(r"--wait=(.*)", wait)[1]) >= job["spec"]["activeDeadlineSeconds"]
