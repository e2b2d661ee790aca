"""The autoscalers ask for metrics that somebody provides, and their bounds are ones that the servers bear."""

import re

import pytest
import yaml
from repository import K8S, ROOT, named, of_kind, overlay, settings

ADAPTER = yaml.safe_load((K8S / "prometheus-adapter/values.yaml").read_text())["rules"]
SCALED = yaml.safe_load((K8S / "components/keda/scaled-object.yaml").read_text())["spec"]
# What Postgres takes by default, less what it keeps for its owner, is 97; infra/README.md asks for this many
CONNECTIONS = 200


def scaler(name):
    return named(overlay("production"), "HorizontalPodAutoscaler", name)["spec"]


def asked(kind):
    return {
        metric[kind.lower()]["metric"]["name"]
        for name in ("serve", "worker")
        for metric in scaler(name)["metrics"]
        if metric["type"] == kind
    }


def provided(kind):
    return {rule["name"]["as"] for rule in ADAPTER[kind]}


def quantity(text):
    """A Kubernetes quantity, as far as it is used here."""
    number, unit = re.fullmatch(r"(\d+)(k?)", text).groups()
    return int(number) * (1000 if unit else 1)


def test_the_adapter_provides_what_is_asked_for_and_no_more():
    assert asked("Pods") == provided("custom") == {"campaign_manager_http_requests_in_flight"}
    assert asked("External") == provided("external")
    assert asked("External") == {"campaign_manager_queue_events", "campaign_manager_queue_oldest_seconds"}


def test_the_program_shows_them():
    catalogue = (ROOT / "docs/metrics.md").read_text()
    for name in asked("Pods"):
        assert f"| `{name}` | gauge | serve |" in catalogue
    for name in asked("External"):
        assert f"| `{name}` | gauge | all |" in catalogue, "the workers' number follows it while none of one role is there"


def test_each_rule_reads_the_metric_that_it_is_named_after():
    for rule in ADAPTER["custom"] + ADAPTER["external"]:
        assert rule["seriesQuery"].startswith(rule["name"]["as"] + "{")
        assert "<<.LabelMatchers>>" in rule["metricsQuery"] and "<<.GroupBy>>" in rule["metricsQuery"]


def test_the_queue_is_counted_once_though_every_process_shows_it():
    assert all(rule["metricsQuery"].startswith("max(") for rule in ADAPTER["external"])
    assert all(trigger["metadata"]["query"].startswith("max(") for trigger in SCALED["triggers"])


def test_serve_follows_its_cpu_too():
    (cpu,) = [metric["resource"] for metric in scaler("serve")["metrics"] if metric["type"] == "Resource"]
    assert cpu["name"] == "cpu" and 50 <= cpu["target"]["averageUtilization"] <= 90


def test_keda_scales_by_the_same_numbers():
    worker = scaler("worker")
    assert (SCALED["minReplicaCount"], SCALED["maxReplicaCount"]) == (worker["minReplicas"], worker["maxReplicas"])
    by_hpa = {
        metric["external"]["metric"]["name"]: quantity(metric["external"]["target"].get("averageValue") or metric["external"]["target"]["value"])
        for metric in worker["metrics"]
    }
    by_keda = {
        re.match(r"max\((\w+)\{", trigger["metadata"]["query"])[1]: int(trigger["metadata"]["threshold"])
        for trigger in SCALED["triggers"]
    }
    assert by_keda == by_hpa
    types = {metric["external"]["target"]["type"] for metric in worker["metrics"]}
    assert {trigger["metricType"] for trigger in SCALED["triggers"]} == types
    behavior = SCALED["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior == worker["behavior"]


def test_there_are_no_more_workers_than_streams():
    (settings_map,) = of_kind(overlay("production"), "ConfigMap")
    assert scaler("worker")["maxReplicas"] <= int(settings_map["data"]["SHARDS"])


def test_postgres_has_connections_for_all_of_them():
    each = int(settings()["DATABASE_CONNECTIONS"])
    # a worker listens for changes on one more; a release has a server more than it shall have
    most = (scaler("serve")["maxReplicas"] + 1) * each + scaler("worker")["maxReplicas"] * (each + 1)
    assert most <= CONNECTIONS
    assert f"max_connections = {CONNECTIONS}" in (K8S.parent / "README.md").read_text()


@pytest.mark.parametrize("name", ["serve", "worker"])
def test_the_end_of_a_rush_is_believed_later_than_its_beginning(name):
    behavior = scaler(name)["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] > behavior["scaleUp"]["stabilizationWindowSeconds"]


def test_a_release_does_not_set_the_number_of_pods_back():
    for deployment in of_kind(overlay("production"), "Deployment"):
        assert "replicas" not in deployment["spec"]
