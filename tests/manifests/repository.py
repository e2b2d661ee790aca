"""Where things are, and what they say once their own tools have read them."""

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
K8S = INFRA / "k8s"
OVERLAYS = ("dev", "production")
COMPOSE = INFRA / "docker-compose.yml"
WORKFLOW = ROOT / ".github/workflows/ci.yml"
TOOLS = Path(sys.executable).parent

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def tool(*command, **more):
    """Runs a program of this virtual environment; what it printed, where it ended well."""
    program = TOOLS / command[0]
    assert program.exists(), f"{program} is missing; make test-manifests installs it"
    ran = subprocess.run([program, *command[1:]], capture_output=True, text=True, cwd=ROOT, timeout=120, **more)
    assert ran.returncode == 0, f"{' '.join(map(str, command))}: {ran.stdout}{ran.stderr}"
    return ran.stdout


@functools.cache
def kustomized(folder):
    """The objects that `kubectl apply -k` would send."""
    return tuple(o for o in yaml.safe_load_all(tool("kubectl", "kustomize", str(folder))) if o)


def overlay(name):
    return kustomized(K8S / "overlays" / name)


def of_kind(objects, *kinds):
    return [o for o in objects if o["kind"] in kinds]


def named(objects, kind, name):
    (found,) = [o for o in of_kind(objects, kind) if o["metadata"]["name"] == name]
    return found


def pods(objects):
    """Everything that makes pods, with the pod's spec and labels."""
    for o in of_kind(objects, "Deployment", "StatefulSet", "Job", "DaemonSet", "CronJob"):
        template = o["spec"]["template"]
        yield o, template["spec"], template["metadata"]["labels"]


def containers(spec):
    return spec.get("initContainers", []) + spec["containers"]


def environment(objects, container):
    """What the container finds in its environment; None for what comes from a Secret."""
    found = {}
    for source in container.get("envFrom", []):
        found |= named(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in container.get("env", []):
        found[variable["name"]] = variable.get("value")
    return found


@functools.cache
def settings():
    """Every setting of the program, with its default; src/cli.rs holds .env.example to what the program takes."""
    found = {}
    for line in (ROOT / ".env.example").read_text().splitlines():
        if setting := re.fullmatch(r"(?:# )?([A-Z][A-Z0-9_]*)=(.*)", line):
            found[setting[1]] = setting[2]
    return found


def seconds(text):
    """A duration as the program reads it, or as compose shows it: 1m0s."""
    assert re.fullmatch(r"(\d+[a-z]+)+", text), text
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([a-z]+)", text))


@functools.cache
def compose():
    """The compose file as Docker's compose reads it, with no variable set."""
    return compose_with({})


def compose_with(variables):
    """The same, with these variables and no others, whatever the machine and infra/.env set."""
    command = ["docker-compose", "--env-file", os.devnull, "--file", str(COMPOSE), "config", "--format", "json"]
    return json.loads(tool(*command, env=variables))


@functools.cache
def dockerfile(which):
    """The stages of a Dockerfile: of each its base, name and instructions."""
    text = (INFRA / "docker" / f"Dockerfile.{which}").read_text()
    text = re.sub(r"^#.*\n", "", text, flags=re.M)
    stages = []
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if not line.strip():
            continue
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append({"base": base, "name": name, "does": []})
        elif stages:
            stages[-1]["does"].append((instruction, rest))
    return stages


def image_environment(which):
    """What the image sets by itself."""
    final = dockerfile(which)[-1]["does"]
    return dict(pair.split("=", 1) for name, rest in final if name == "ENV" for pair in rest.split())
