"""The compose file, as Docker's compose reads it."""

from pathlib import Path

import pytest
import yaml
from repository import COMPOSE, INFRA, ROOT, compose, compose_with, tool

SERVICES = sorted(compose()["services"])
# Ends by itself
ONCE = {"migrate", "roles"}
PUBLISHED = {"serve", "prometheus", "grafana"}


def service(name):
    return compose()["services"][name]


def test_everything_is_there():
    assert set(SERVICES) == {"serve", "worker", "migrate", "roles", "redis", "postgres", "prometheus", "grafana"}


def test_it_keeps_to_the_specification():
    tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE))


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_confined(name):
    assert service(name)["read_only"] is True
    assert service(name)["cap_drop"] == ["ALL"]
    assert service(name)["security_opt"] == ["no-new-privileges:true"]
    assert not service(name).get("privileged")


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_limited(name):
    limits = service(name)["deploy"]["resources"]["limits"]
    assert limits["cpus"] and int(limits["memory"]) > 0 and limits["pids"]
    assert service(name)["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_that_stays_says_how_it_fares(name):
    if name in ONCE:
        assert "healthcheck" not in service(name)
    else:
        check = service(name)["healthcheck"]
        assert check["test"][0] in ("CMD", "CMD-SHELL") and check["retries"] and check["start_period"]


def test_the_program_starts_once_the_servers_answer_and_the_schema_is_there():
    for name in ("serve", "worker"):
        conditions = {on: how["condition"] for on, how in service(name)["depends_on"].items()}
        assert conditions == {"migrate": "service_completed_successfully", "redis": "service_healthy"}
    assert service("migrate")["depends_on"]["roles"]["condition"] == "service_completed_successfully"
    assert service("roles")["depends_on"]["postgres"]["condition"] == "service_healthy"


@pytest.mark.parametrize("name", SERVICES)
def test_a_port_is_open_to_this_machine_only(name):
    ports = service(name).get("ports", [])
    assert bool(ports) == (name in PUBLISHED)
    assert all(port["host_ip"] == "127.0.0.1" for port in ports)
    inside = {network for network, said in compose()["networks"].items() if said.get("internal")}
    assert (set(service(name)["networks"]) <= inside) == (name not in PUBLISHED)


def test_servers_are_reached_by_those_who_ask_them():
    both = {frozenset(("redis", "serve")), frozenset(("redis", "worker")), frozenset(("prometheus", "worker"))}
    for one, other in both | {frozenset(("postgres", "migrate")), frozenset(("grafana", "prometheus"))}:
        assert set(service(one)["networks"]) & set(service(other)["networks"])
    for monitoring in ("prometheus", "grafana"):
        for server in ("redis", "postgres"):
            assert not set(service(monitoring)["networks"]) & set(service(server)["networks"])


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_kept_has_a_volume_and_what_is_mounted_is_there(name):
    for volume in service(name).get("volumes", []):
        if volume["type"] == "bind":
            assert volume["read_only"] is True
            assert Path(volume["source"]).exists(), volume["source"]
    kept = [volume["source"] for volume in service(name).get("volumes", []) if volume["type"] == "volume"]
    assert kept == ([name] if name in ("redis", "postgres", "prometheus", "grafana") else [])


@pytest.mark.parametrize("name", ["redis", "postgres"])
def test_a_server_has_memory_beyond_what_it_is_told_to_use(name):
    memory = int(service(name)["deploy"]["resources"]["limits"]["memory"])
    assert memory >= 2 << 30
    assert name == "postgres" or service(name)["environment"]["REDIS_MAXMEMORY"] == "1gb"


def test_prometheus_scrapes_both_roles():
    (targets,) = yaml.safe_load((INFRA / "prometheus/targets/compose.yml").read_text())
    assert targets["targets"] == ["serve:8081", "worker:8081"]
    mounted = {volume["target"]: Path(volume["source"]) for volume in service("prometheus")["volumes"] if volume["type"] == "bind"}
    config = yaml.safe_load(mounted["/etc/prometheus/prometheus.yml"].read_text())
    (job,) = config["scrape_configs"]
    assert job["file_sd_configs"] == [{"files": ["targets/*.yml"]}] and mounted["/etc/prometheus/targets"] == INFRA / "prometheus/targets"
    assert config["rule_files"] == ["alerts/*.yml"] and mounted["/etc/prometheus/alerts"] == ROOT / "grafana/alerts"


def test_grafana_is_told_where_its_things_are():
    said = service("grafana")["environment"]
    for file in (ROOT / "grafana/provisioning").rglob("*.yml"):
        for line in file.read_text().splitlines():
            code = line.partition("#")[0]
            if "$" in code:
                assert code.rpartition("$")[2].strip() in said, f"{file}: {line}"
    assert said["DASHBOARDS"] in {volume["target"] for volume in service("grafana")["volumes"]}


def test_each_password_can_be_set_in_one_place():
    said = {f"POSTGRES_{role}PASSWORD": f"canary-p{role}" for role in ("", "OWNER_", "SERVE_", "WORKER_")}
    said |= {f"REDIS_{role}PASSWORD": f"canary-r{role}" for role in ("", "SERVE_", "WORKER_")}
    services = compose_with(said)["services"]
    for name in ("serve", "worker"):
        role = f"{name.upper()}_"
        assert services[name]["environment"]["REDIS_URL"] == f"redis://{name}:canary-r{role}@redis:6379"
        assert f"//campaigns_{name}:canary-p{role}@" in services[name]["environment"]["DATABASE_URL"]
        assert f"//campaigns_{name}:canary-p{role}@" in services["roles"]["environment"][f"{role}DATABASE_URL"]
        assert services["redis"]["environment"][f"REDIS_{role}PASSWORD"] == f"canary-r{role}"
    assert services["redis"]["environment"]["REDIS_PASSWORD"] == "canary-r"
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"] == "canary-p"
    assert "//campaigns_owner:canary-pOWNER_@" in services["migrate"]["environment"]["DATABASE_URL"]
    assert services["migrate"]["environment"].keys() == {"DATABASE_URL", "SERVE_ROLE", "WORKER_ROLE"}
