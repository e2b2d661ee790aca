"""The images, run by Podman as the compose file has them: read-only, as their users, without capabilities. run.sh builds them.

Three things differ from the compose file: all share one network, without a way out, where each name is 127.0.0.1; the worker's admin
port is another, so that it does not meet that of `serve` there; and a folder in memory has no owner of its own, which older releases
of Podman cannot give it, so everybody may write there.
"""

import contextlib
import json
import os
import re
import shlex
import subprocess
import time

import pytest
from repository import INFRA, compose, seconds

PATIENCE = 120
NAMES = ("postgres", "redis", "serve", "worker")
MORE = shlex.split(os.environ.get("PODMAN_RUN", ""))
# In MiB: the binary and what it is linked to
LARGEST = {"api": 96, "worker": 96}


def podman(*arguments, check=True, **more):
    ran = subprocess.run(["podman", *arguments], capture_output=True, text=True, timeout=PATIENCE, **more)
    assert not check or ran.returncode == 0, f"podman {' '.join(arguments)}: {ran.stdout}{ran.stderr}"
    return ran


def flags(name):
    """What `podman run` is told of a service."""
    service = compose()["services"][name]
    told = ["--network=host", "--runtime=runc", f"--stop-timeout={seconds(service.get('stop_grace_period', '10s')):.0f}"]
    told += [f"--add-host={other}:127.0.0.1" for other in NAMES]
    # as with Docker: writable is what is named, and no more
    told += ["--read-only", "--read-only-tmpfs=false"] if service["read_only"] else []
    told += [f"--cap-drop={capability}" for capability in service["cap_drop"]]
    told += [f"--security-opt={option.replace(':true', '')}" for option in service["security_opt"]]
    for mount in service.get("tmpfs", []):
        folder, _, options = mount.partition(":")
        options = [option for option in options.split(",") if not re.match("(uid|gid|mode)=", option)]
        told.append(f"--tmpfs={folder}:{','.join([*options, 'mode=1777', 'notmpcopyup'])}")
    for volume in service.get("volumes", []):
        told.append(f"--volume=test-{volume['source']}:{volume['target']}")
    said = dict(service.get("environment", {}))
    if name == "worker":
        said["ADMIN_ADDR"] = "0.0.0.0:8082"
    told += [f"--env={key}={value}" for key, value in said.items()]
    told += [f"--{option}={service[key]}" for option, key in (("user", "user"), ("stop-signal", "stop_signal"), ("shm-size", "shm_size")) if key in service]
    return told + MORE


def start(name):
    service = compose()["services"][name]
    podman("rm", "--force", "--ignore", f"test-{name}")
    podman("run", "--detach", f"--name=test-{name}", *flags(name), service["image"], *(service.get("command") or []))


def once(name):
    """A service that ends by itself, and well."""
    service = compose()["services"][name]
    return podman("run", "--rm", f"--name=test-{name}", *flags(name), service["image"], *service["command"]).stdout


def healthy(name):
    """What the compose file asks the container."""
    how, *test = compose()["services"][name]["healthcheck"]["test"]
    test = ["sh", "-c", test[0].replace("$$", "$")] if how == "CMD-SHELL" else test
    return podman("exec", f"test-{name}", *test, check=False).returncode == 0


def until(what, found, patience=PATIENCE):
    give_up = time.monotonic() + patience
    while not (answer := found()):
        assert time.monotonic() < give_up, f"no {what} within {patience} s"
        time.sleep(0.1)
    return answer


def program(name, *arguments):
    return podman("exec", f"test-{name}", "campaign-manager", *arguments).stdout.strip()


def pid(name):
    return podman("inspect", "--format={{.State.Pid}}", f"test-{name}").stdout.strip()


def send(key, event_id):
    """An event, until it is accepted."""
    body = json.dumps({"event_id": event_id, "event_type": "image", "user_id": "u", "properties": {}})
    command = ["curl", "--silent", "--max-time", "10", "--output", "/dev/null", "--write-out", "%{http_code}", "--header", f"authorization: Bearer {key}",
               "--header", "content-type: application/json", "--data", body, "http://127.0.0.1:8080/events"]
    until(f"answer to {event_id}", lambda: subprocess.run(command, capture_output=True, text=True).stdout == "202")


def balanced():
    return podman("exec", "test-worker", "campaign-manager", "ledger", "--wait", "60s", check=False).returncode == 0


@pytest.fixture(scope="module")
def key():
    """The system runs; a key to it."""
    with contextlib.ExitStack() as stack:
        for name in (*NAMES, "migrate", "roles"):
            stack.callback(podman, "rm", "--force", "--ignore", f"test-{name}", check=False)
        for name in ("postgres", "redis"):
            podman("volume", "rm", "--force", f"test-{name}", check=False)
            stack.callback(podman, "volume", "rm", "--force", f"test-{name}", check=False)
            start(name)
        try:
            for name in ("postgres", "redis"):
                until(f"healthy {name}", lambda name=name: healthy(name))
            once("roles")
            once("migrate")
            for name in ("serve", "worker"):
                start(name)
            until("healthy serve", lambda: healthy("serve"))
            yield program("serve", "keys", "create", "--name", "test", "--scope", "admin")
        except BaseException:
            for name in NAMES:
                print(name, podman("logs", "--tail=40", f"test-{name}", check=False))
            raise


def worker_ready():
    said = podman("exec", "--env=ADMIN_ADDR=127.0.0.1:8082", "test-worker", "campaign-manager", "health", check=False)
    return said.returncode == 0


@pytest.mark.parametrize("which", ["api", "worker"])
def test_an_image_is_small_and_has_no_shell(which):
    (about,) = json.loads(podman("image", "inspect", f"campaign-manager-{which}:latest").stdout)
    print(which, about["Size"] >> 20, "MiB")
    # One that was compiled elsewhere need be no release
    assert os.environ.get("PROGRAM") or about["Size"] >> 20 <= LARGEST[which]
    assert about["Config"]["User"] == "65532:65532"
    assert podman("run", "--rm", "--runtime=runc", "--network=none", *MORE, "--entrypoint=/bin/sh", f"campaign-manager-{which}:latest", check=False).returncode != 0


@pytest.mark.parametrize("name", NAMES)
def test_a_container_is_as_confined_as_the_compose_file_says(name, key):
    with open(f"/proc/{pid(name)}/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
    assert set(status["Uid"].split()) == ({"65532"} if name in ("serve", "worker") else {"999"})
    assert int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1"
    with open(f"/proc/{pid(name)}/mountinfo") as mounts:
        (root,) = [line.split()[5] for line in mounts if line.split()[4] == "/"]
    assert "ro" in root.split(",")


def test_an_event_is_accepted_matched_and_stored(key):
    until("ready worker", worker_ready)
    smoke = subprocess.run(["sh", INFRA / "smoke.sh", "http://127.0.0.1:8080", key], capture_output=True, text=True, timeout=PATIENCE)
    assert smoke.returncode == 0, smoke.stderr
    assert balanced()


def test_nobody_who_stays_is_a_superuser(key):
    sessions = "select string_agg(distinct usename, ' ' order by usename) from pg_stat_activity where application_name = 'campaign-manager'"
    asked = podman("exec", "--env=PGPASSWORD=campaigns", "test-postgres", "psql", "--host=127.0.0.1", "--username=campaigns", "-Atc", sessions)
    assert asked.stdout.split() == ["campaigns_serve", "campaigns_worker"]


@pytest.mark.parametrize("name", ["worker", "serve", "redis", "postgres"])
def test_nothing_is_lost_where_a_container_is_killed(name, key):
    for number in range(20):
        send(key, f"before-{name}-{number}")
    podman("kill", "--signal=KILL", f"test-{name}")
    podman("wait", f"test-{name}")
    # A new container on the same volume
    start(name)
    for number in range(20):
        send(key, f"after-{name}-{number}")
    until("ready worker", worker_ready)
    until("balanced ledger", balanced)


@pytest.mark.parametrize("name", ["serve", "worker"])
def test_a_stop_drains_within_its_grace(name, key):
    began = time.monotonic()
    podman("stop", f"test-{name}")
    assert time.monotonic() - began < seconds(compose()["services"][name]["stop_grace_period"])
    about = podman("inspect", "--format={{.State.ExitCode}}", f"test-{name}").stdout.strip()
    logs = podman("logs", f"test-{name}")
    assert about == "0" and re.search('"message":"drained"', logs.stdout + logs.stderr)
    start(name)
    until("healthy serve", lambda: healthy("serve"))
