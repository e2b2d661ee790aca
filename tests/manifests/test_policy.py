"""What every container must keep to, whichever overlay or component it comes from."""

import re
from pathlib import Path

import pytest
from repository import OVERLAYS, containers, of_kind, overlay, pods

ALL = [
    pytest.param(spec, container, id=f"{name}-{o['metadata']['name']}-{container['name']}")
    for name in OVERLAYS
    for o, spec, _ in pods(overlay(name))
    for container in containers(spec)
]
MIB = {"Mi": 1, "Gi": 1024}


def mebibytes(quantity):
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()
    return int(number) * MIB[unit]


def cores(quantity):
    return int(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


@pytest.mark.parametrize("spec, container", ALL)
def test_it_runs_as_a_numbered_user_that_is_not_root(spec, container):
    security = spec["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] >= 100 and security["runAsGroup"] >= 100
    assert not {"runAsUser", "runAsNonRoot"} & container["securityContext"].keys(), "the pod's holds for all"


@pytest.mark.parametrize("spec, container", ALL)
def test_it_is_confined(spec, container):
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
    assert all("hostPath" not in volume for volume in spec.get("volumes", []))


@pytest.mark.parametrize("spec, container", ALL)
def test_it_is_given_no_token(spec, container):
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False


@pytest.mark.parametrize("spec, container", ALL)
def test_it_asks_for_resources_and_is_limited(spec, container):
    requests, limits = container["resources"]["requests"], container["resources"]["limits"]
    assert 0 < cores(requests["cpu"]) <= cores(limits["cpu"])
    assert 0 < mebibytes(requests["memory"]) <= mebibytes(limits["memory"])


@pytest.mark.parametrize("spec, container", ALL)
def test_what_it_writes_to_is_bounded(spec, container):
    for volume in spec.get("volumes", []):
        assert volume["emptyDir"]["sizeLimit"]


@pytest.mark.parametrize("role, target", [("serve", 128), ("worker", 256)])
def test_a_role_has_twice_the_memory_that_it_may_come_to_need(role, target):
    (container,) = [c for _, spec, _ in pods(overlay("production")) for c in spec["containers"] if c["name"] == role]
    assert mebibytes(container["resources"]["requests"]["memory"]) >= target
    assert mebibytes(container["resources"]["limits"]["memory"]) >= 2 * target


def test_a_server_has_memory_for_as_many_unfinished_heads_as_it_has_connections():
    (container,) = [c for _, spec, _ in pods(overlay("production")) for c in spec["containers"] if c["name"] == "serve"]
    settings = (Path(__file__).parents[2] / ".env.example").read_text()
    connections = int(re.search(r"^HTTP_MAX_CONNECTIONS=(\d+)$", settings, re.M).group(1))
    # docs/operations.md: 40 KiB each, beside what it takes under ten times its load
    assert mebibytes(container["resources"]["limits"]["memory"]) * 1024 >= connections * 40 + 100 * 1024


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_account_has_no_rights(name):
    assert not of_kind(overlay(name), "Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
    for account in of_kind(overlay(name), "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def test_production_holds_no_secret_and_no_server_of_its_own():
    objects = overlay("production")
    assert not of_kind(objects, "Secret", "StatefulSet")
    said = str(objects)
    assert "not-a-secret" not in said and "://" not in said, "where the servers are, with their passwords, is in the Secret"


def test_production_never_runs_whatever_was_built_last():
    for _, spec, _ in pods(overlay("production")):
        for container in containers(spec):
            assert not container["image"].endswith(":latest") and ":" in container["image"]


@pytest.mark.parametrize("role", ["serve", "worker"])
def test_a_role_survives_the_loss_of_a_node(role):
    objects = overlay("production")
    (scaler,) = [o for o in of_kind(objects, "HorizontalPodAutoscaler") if o["metadata"]["name"] == role]
    assert scaler["spec"]["minReplicas"] >= 2
    (budget,) = [o for o in of_kind(objects, "PodDisruptionBudget") if o["metadata"]["name"] == role]
    assert budget["spec"]["maxUnavailable"] < scaler["spec"]["minReplicas"]
    ((_, spec, _),) = [pod for pod in pods(objects) if pod[0]["metadata"]["name"] == role]
    topologies = {spread["topologyKey"] for spread in spec["topologySpreadConstraints"]}
    assert topologies == {"topology.kubernetes.io/zone", "kubernetes.io/hostname"}
