"""What users install: a wheel in an empty environment, started beside folders that bear our names."""

import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("moodreel-*.whl")
    return built


def test_the_wheel_carries_models_migrations_views_and_licences(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "workers/models/ferplus.onnx",
        "workers/models/ferplus.md",
        "db/migrations/env.py",
        "db/migrations/versions/0001_first.py",
        "db/views.sql",
        "jobs/demo/portrait.jpg",
        "jobs/stand_ins/azure.py",
        "jobs/py.typed",
    ):
        assert wanted in names
    assert "jobs/stand_ins/pairs.py" not in names, "pytest is not installed with it"
    assert any(name.endswith("licenses/NOTICE") for name in names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"jobs", "workers", "db"}


@pytest.fixture(scope="module")
def beside(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, which borrows from ours what it depends on, and nothing else of ours."""
    environment = tmp_path_factory.mktemp("beside") / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    install = [sys.executable, "-m", "pip", "--python", str(environment), "install", "--no-deps", "--quiet"]
    subprocess.run([*install, "--disable-pip-version-check", str(wheel)], check=True, capture_output=True)
    for borrowed in (Path(path) for path in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib"))):
        for entry in borrowed.iterdir():
            link = packages / entry.name
            if "moodreel" not in entry.name and not entry.name.endswith(".pth") and not link.exists():
                link.symlink_to(entry)
    return environment


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, what it asks for, and nothing else."""
    environment = tmp_path_factory.mktemp("installed") / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    install = [str(environment / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    return environment


def test_the_demo_runs_from_the_wheel_beside_names_like_ours(beside: Path, tmp_path: Path) -> None:
    ends_well(beside, tmp_path)


@pytest.mark.slow
def test_the_demo_runs_from_the_wheel_in_an_empty_environment(installed: Path, tmp_path: Path) -> None:
    ends_well(installed, tmp_path)


def ends_well(environment: Path, tmp_path: Path) -> None:
    """Assert that the demo does, in a folder that is full of traps."""
    here = tmp_path / "here"
    for trap in ("db.py", "jobs/__init__.py", "workers/__init__.py", "workers/child.py"):
        (here / trap).parent.mkdir(parents=True, exist_ok=True)
        (here / trap).write_text("raise SystemExit('a file of the folder was imported')\n")
    ended = subprocess.run(
        [str(environment / "bin/moodreel"), "demo"], cwd=here, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "constant-rate.mp4" in ended.stdout
    assert (here / "moodreel-demo" / "emotions.parquet").exists()
    assert "media.missing_moov" in ended.stdout


@pytest.mark.slow
def test_the_self_test_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        [str(installed / "bin/moodreel"), "doctor", "--self-test", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    verdicts = {finding["what"]: finding["verdict"] for finding in json.loads(ended.stdout)}
    assert verdicts == {
        "self-test azure": "ok",
        "self-test azure, emotion withdrawn": "ok",
        "self-test rekognition": "note",
        "self-test ferplus-http": "ok",
        "self-test serve": "note",
    }
