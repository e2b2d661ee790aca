"""Who may talk to whom."""

import pytest
from repository import K8S, OVERLAYS, kustomized, of_kind, overlay, pods

PROGRAM = {"serve", "worker", "migrate"}


def matches(selector, labels):
    for needed in selector.get("matchExpressions", []):
        assert needed["operator"] == "In"
        if labels.get(needed["key"]) not in needed["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


def rules(name, pod, direction):
    """What is allowed to a pod in one direction: the peers and ports of all policies that select it."""
    ((_, _, labels),) = [found for found in pods(overlay(name)) if found[0]["metadata"]["name"] == pod]
    for policy in of_kind(overlay(name), "NetworkPolicy"):
        if matches(policy["spec"]["podSelector"], labels):
            yield from policy["spec"].get(direction, [])


def ports(rule):
    return {port["port"] for port in rule["ports"]}


@pytest.mark.parametrize("name", OVERLAYS)
def test_nothing_is_allowed_that_is_not_said(name):
    denied = [o["spec"] for o in of_kind(overlay(name), "NetworkPolicy") if o["metadata"]["name"] == "default-deny"]
    assert denied == [{"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}]


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_policy_does_what_its_types_say(name):
    for policy in of_kind(overlay(name), "NetworkPolicy"):
        spec = policy["spec"]
        for direction in ("ingress", "egress"):
            if direction in spec:
                assert spec["policyTypes"] == [direction.capitalize()], policy["metadata"]["name"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_servers_and_names_are_all_that_the_program_asks(name):
    reached = {pod: set().union(*(ports(rule) for rule in rules(name, pod, "egress"))) for pod in PROGRAM}
    assert reached == {"serve": {53, 5432, 6379}, "worker": {53, 5432, 6379}, "migrate": {53, 5432}}


@pytest.mark.parametrize("name", OVERLAYS)
def test_clients_reach_the_api_and_prometheus_the_admin_port(name):
    def admitted(pod):
        return {(str(peer["namespaceSelector"]["matchLabels"]), port) for rule in rules(name, pod, "ingress")
                for peer in rule["from"] for port in ports(rule)}

    clients, prometheus = ("{'campaign-manager/clients': 'true'}", "http"), ("{'campaign-manager/metrics': 'true'}", "admin")
    assert admitted("serve") == {clients, prometheus}
    assert admitted("worker") == {prometheus}
    assert admitted("migrate") == set()


@pytest.mark.parametrize("name", OVERLAYS)
def test_whom_a_pod_may_reach_is_always_said(name):
    for policy in of_kind(overlay(name), "NetworkPolicy"):
        for direction, peers in (("ingress", "from"), ("egress", "to")):
            assert all(rule.get(peers) for rule in policy["spec"].get(direction, [])), policy["metadata"]["name"]


def test_the_base_alone_reaches_no_server():
    for policy in of_kind(kustomized(K8S / "base"), "NetworkPolicy"):
        if policy["metadata"]["name"] in ("to-postgres", "to-redis"):
            assert policy["spec"]["egress"] == []


@pytest.mark.parametrize("port, server", [(5432, "postgres"), (6379, "redis")])
def test_in_dev_the_servers_are_pods_of_its_own(port, server):
    for pod in PROGRAM:
        for rule in rules("dev", pod, "egress"):
            if port in ports(rule):
                (peer,) = rule["to"]
                reached = {o["metadata"]["name"] for o, _, labels in pods(overlay("dev")) if matches(peer["podSelector"], labels)}
                assert peer.keys() == {"podSelector"} and reached == {server}


def test_in_production_servers_have_private_addresses():
    for pod in PROGRAM:
        for rule in rules("production", pod, "egress"):
            if ports(rule) & {5432, 6379}:
                assert all(peer["ipBlock"]["cidr"] != "0.0.0.0/0" for peer in rule["to"])


@pytest.mark.parametrize("server, port, asked_by", [("postgres", "postgres", PROGRAM), ("redis", "redis", {"serve", "worker"})])
def test_the_servers_of_dev_answer_the_program_alone(server, port, asked_by):
    (rule,) = rules("dev", server, "ingress")
    assert ports(rule) == {port}
    (peer,) = rule["from"]
    asks = {o["metadata"]["name"] for o, _, labels in pods(overlay("dev")) if matches(peer["podSelector"], labels)}
    assert asks == asked_by
