"""The program itself, started as the manifests start it: with their commands, their settings and the probes that they ask.

Redis is started by the image's own script with the image's own settings, Postgres by `campaign-manager up --stores-only`. Only
addresses are others: free ports of this machine.
"""

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from repository import INFRA, ROOT, compose, environment, image_environment, named, overlay, seconds, settings

PROGRAM = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug/campaign-manager"
PATIENCE = 60
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def until(what, found):
    """Asks again and again until there is an answer."""
    give_up = time.monotonic() + PATIENCE
    while not (answer := found()):
        assert time.monotonic() < give_up, f"no {what} within {PATIENCE} s"
        time.sleep(0.02)
    return answer


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def get(url, key=None, body=None):
    """Status and body of an answer; status 0 where nobody answers."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    try:
        with NO_PROXY.open(urllib.request.Request(url, body, headers), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()
    except OSError:
        return 0, ""


@contextlib.contextmanager
def running(command, log, **more):
    """A process that is ended with the test, whose log is shown where it fails."""
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, **more)
    try:
        yield process
    except BaseException:
        print(log.name, log.read_text()[-4000:], sep="\n")
        raise
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A Postgres without a schema: as `up` starts it, and then another database."""
    folder = tmp_path_factory.mktemp("stores")
    command = [PROGRAM, "up", "--stores-only", "--data", folder / "data"]
    with running(command, folder / "up.log", env={"PATH": os.environ["PATH"]}):
        file = folder / "data/run.env"
        until(file, file.exists)
        _, _, address = dict(line.split("=", 1) for line in file.read_text().split())["DATABASE_URL"].rpartition("@")
        password = (folder / "data/password").read_text()
        yield f"postgres://campaigns:{password}@{address}"


@pytest.fixture
def redis(tmp_path):
    """The queue's image without its container."""
    port, run = free_port(), tmp_path / "run"
    run.mkdir()
    said = {"REDIS_PASSWORD": "canary-7", "REDIS_SERVE_PASSWORD": "canary-s", "REDIS_WORKER_PASSWORD": "canary-w"}
    said |= {"REDIS_MAXMEMORY": "64mb", "REDIS_FSYNC": "always", "REDIS_RUN": run, "REDIS_CONF": INFRA / "docker/redis.conf", "REDIS_USERS": INFRA / "docker/users.conf"}
    command = ["sh", INFRA / "docker/pubsub.sh", "--port", str(port), "--bind", "127.0.0.1"]
    with running(command, tmp_path / "redis.log", cwd=tmp_path, env={"PATH": os.environ["PATH"]} | said) as process:
        until("ready Redis", lambda: "Ready to accept connections" in (tmp_path / "redis.log").read_text())
        urls = {role: f"redis://{role}:canary-{role[0]}@127.0.0.1:{port}" for role in ("serve", "worker")}
        yield {"urls": urls, "port": port, "process": process, "run": run}


def ask(redis, *command):
    said = {"PATH": os.environ["PATH"], "REDISCLI_AUTH": "canary-7"}
    ran = subprocess.run(["redis-cli", "-p", str(redis["port"]), *command], env=said, capture_output=True, text=True, check=True)
    return ran.stdout.split()


def test_the_queue_keeps_what_it_acknowledges_and_its_password_to_itself(redis):
    for setting, value in {
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "maxmemory": str(64 << 20),
        "requirepass": "canary-7",
    }.items():
        assert ask(redis, "config", "get", setting) == [setting, value]
    pid = redis["process"].pid
    for file in ("cmdline", "environ"):
        with open(f"/proc/{pid}/{file}", "rb") as shown:
            assert b"canary" not in shown.read(), file
    assert (redis["run"] / "redis.conf").stat().st_mode & 0o777 == 0o600
    without = subprocess.run(["redis-cli", "-p", str(redis["port"]), "ping"], capture_output=True, text=True, env={"PATH": os.environ["PATH"]})
    assert "NOAUTH" in without.stdout


@pytest.mark.parametrize("said, complaint", [
    ({"REDIS_MAXMEMORY": "1gb"}, "REDIS_PASSWORD"),
    ({"REDIS_PASSWORD": "a b", "REDIS_MAXMEMORY": "1gb"}, "REDIS_PASSWORD"),
    ({"REDIS_PASSWORD": "x\nrequirepass y", "REDIS_MAXMEMORY": "1gb"}, "REDIS_PASSWORD"),
    ({"REDIS_PASSWORD": "a", "REDIS_SERVE_PASSWORD": "a:b", "REDIS_WORKER_PASSWORD": "a", "REDIS_MAXMEMORY": "1gb"}, "REDIS_SERVE_PASSWORD"),
    ({"REDIS_PASSWORD": "a", "REDIS_SERVE_PASSWORD": "a", "REDIS_MAXMEMORY": "1gb"}, "set both or none"),
    ({"REDIS_PASSWORD": "a"}, "REDIS_MAXMEMORY"),
    ({"REDIS_PASSWORD": "a", "REDIS_MAXMEMORY": "0"}, "REDIS_MAXMEMORY"),
    ({"REDIS_PASSWORD": "a", "REDIS_MAXMEMORY": "1gb", "REDIS_FSYNC": "no"}, "REDIS_FSYNC"),
])
def test_the_queue_does_not_start_without_a_password_and_a_limit(said, complaint, tmp_path):
    said = said | {"PATH": os.environ["PATH"], "REDIS_RUN": str(tmp_path), "REDIS_CONF": str(INFRA / "docker/redis.conf")}
    ran = subprocess.run(["sh", INFRA / "docker/pubsub.sh"], env=said, capture_output=True, text=True, timeout=PATIENCE)
    assert ran.returncode != 0 and complaint in ran.stderr
    assert not (tmp_path / "redis.conf").exists()


def of_compose():
    services = compose()["services"]
    for role, image in (("serve", "api"), ("worker", "worker"), ("migrate", "worker")):
        command = services[role].get("command") or [role]
        yield role, command, image_environment(image) | services[role]["environment"]


def of_kubernetes(name):
    objects = overlay(name)
    for role, kind, image in (("serve", "Deployment", "api"), ("worker", "Deployment", "worker"), ("migrate", "Job", "worker")):
        (container,) = named(objects, kind, role)["spec"]["template"]["spec"]["containers"]
        yield role, container["args"], image_environment(image) | environment(objects, container)


@pytest.mark.parametrize("manifests", ["compose", "dev", "production"])
def test_the_system_works_as_the_manifests_start_it(manifests, database, redis, tmp_path):
    roles = {role: (command, said) for role, command, said in (of_compose() if manifests == "compose" else of_kubernetes(manifests))}
    _, _, address = database.rpartition("@")
    make_database(database, manifests)
    # The names are those of the compose file and of dev; in production they are the installation's
    logins = {"migrate": "owner", "serve": "serve", "worker": "worker"}
    urls = {role: f"postgres://campaigns_{login}:canary-{login}@{address.rpartition('/')[0]}/{manifests}" for role, login in logins.items()}
    names = {"SERVE_ROLE": "campaigns_serve", "WORKER_ROLE": "campaigns_worker"}
    superuser = f"{database.rpartition('/')[0]}/{manifests}"
    made = subprocess.run([PROGRAM, "roles"], capture_output=True, text=True, timeout=PATIENCE, env={
        "DATABASE_URL": superuser,
        "OWNER_DATABASE_URL": urls["migrate"], "SERVE_DATABASE_URL": urls["serve"], "WORKER_DATABASE_URL": urls["worker"],
    })
    assert made.returncode == 0, made.stderr

    def start(role):
        command, said = roles[role]
        mine = {"DATABASE_URL": urls[role], "REDIS_URL": redis["urls"].get(role), **names}
        said = said | {name: value for name, value in mine.items() if name in said}
        for name in ("HTTP_ADDR", "ADMIN_ADDR"):
            if name in said:
                assert said[name].startswith("0.0.0.0:"), "who asks is not in the container"
                said[name] = f"0.0.0.0:{free_port()}"
        return [PROGRAM, *command], {"env": said, "cwd": "/"}, said

    def ran(role, *more):
        command, how, _ = start(role)
        return subprocess.run([*command, *more], capture_output=True, text=True, timeout=PATIENCE, **how)

    assert ran("migrate", "--check").returncode == 1, "pods would not wait"
    assert ran("migrate").returncode == 0
    assert ran("migrate", "--check").returncode == 0

    (serve, how_serve, at_serve), (worker, how_worker, at_worker) = start("serve"), start("worker")
    with running(serve, tmp_path / "serve.log", **how_serve) as serving, running(worker, tmp_path / "worker.log", **how_worker) as working:
        for at in (at_serve, at_worker):
            admin = "http://127.0.0.1:" + at["ADMIN_ADDR"].rpartition(":")[2]
            until(f"readiness at {admin}", lambda: get(f"{admin}/readyz")[0] == 200)
            assert get(f"{admin}/healthz")[0] == get(f"{admin}/metrics")[0] == 200
            health = subprocess.run([PROGRAM, "health"], env={"ADMIN_ADDR": at["ADMIN_ADDR"]}, timeout=PATIENCE)
            assert health.returncode == 0

        key = subprocess.run([PROGRAM, "keys", "create", "--name=test", "--scope=admin"], capture_output=True, text=True, **how_serve)
        key, api = key.stdout.strip(), "http://127.0.0.1:" + at_serve["HTTP_ADDR"].rpartition(":")[2]
        assert get(f"{api}/events", body=b"{}")[0] == 401, "nobody may send without a key"
        smoke = subprocess.run(["sh", INFRA / "smoke.sh", api, key], capture_output=True, text=True, timeout=PATIENCE)
        assert smoke.returncode == 0, smoke.stderr
        first = (tmp_path / "serve.log").read_text().splitlines()[0]
        assert json.loads(first)["level"] == "INFO", "logs are for machines"

        delay = seconds((settings() | at_serve)["SHUTDOWN_DELAY"])
        began = time.monotonic()
        serving.terminate()
        working.terminate()
        assert working.wait(PATIENCE) == 0
        if delay:
            admin = "http://127.0.0.1:" + at_serve["ADMIN_ADDR"].rpartition(":")[2]
            until("end of readiness", lambda: get(f"{admin}/readyz")[0] == 503)
            assert get(f"{api}/events?user_id=smoke", key)[0] == 200, "it serves until everybody has heard of it"
        assert serving.wait(PATIENCE) == 0
        assert time.monotonic() - began >= delay


def make_database(url, name):
    """An empty database on the same server; psql comes with it."""
    subprocess.run(["psql", url, "--quiet", "--command", f'create database "{name}"'], check=True, capture_output=True, timeout=PATIENCE)
