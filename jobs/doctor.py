"""Whether this machine can do the work: each part tried for real, each fault with its remedy."""

import os
import platform
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from db.engine import file_of, has_wal_reset_fix
from db.errors import DatabaseMissing, StoreError
from db.store import Store
from jobs.findings import Finding, Verdict
from jobs.service_checks import services_set_up
from jobs.trial import NotAsExpected, look_at_portrait
from workers.errors import WorkError
from workers.failures import ChildCannotStart, ChildFailure
from workers.knobs import KNOBS
from workers.models.catalogue import Origin
from workers.models.status import Presence, verify_all
from workers.settings import Settings, cores
from workers.urls import PROTOCOLS

LIBRARIES = ("av", "opencv-python-headless", "onnxruntime", "numpy", "pillow", "pillow-heif", "sqlalchemy", "pyarrow")
LOW_DISK_MB = 500


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check, one after the other, as they are done."""
    checks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _machine,
        _libraries,
        _variables,
        _models,
        _child,
        _sqlite,
        _database,
        _media_cache,
        services_set_up,
    )
    for check in checks:
        yield from check(settings)


def _machine(settings: Settings) -> Iterator[Finding]:
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    yield Finding("machine", Verdict.OK, f"{system}, {cores()} cores; {settings.workers} workers")


def _libraries(_settings: Settings) -> Iterator[Finding]:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES)
    yield Finding("libraries", Verdict.OK, f"moodreel {metadata.version('moodreel')}, {versions}")


def _variables(_settings: Settings) -> Iterator[Finding]:
    known = {knob.variable for knob in KNOBS.values()}
    for name in sorted(os.environ):
        if name.startswith("MOODREEL_") and name not in known:
            yield Finding(
                "settings", Verdict.NOTE, f"{name} is no setting of ours", f"the settings: {', '.join(known)}"
            )


def _models(_settings: Settings) -> Iterator[Finding]:
    for status in verify_all():
        name = f"model {status.card.name}"
        if status.presence is Presence.PRESENT:
            yield Finding(name, Verdict.OK, "present, its hash is right")
            continue
        optional = status.card.origin is Origin.DOWNLOAD and status.presence is Presence.MISSING
        hint = "" if status.problem is None else status.problem.hint
        yield Finding(name, Verdict.NOTE if optional else Verdict.FAULT, status.presence.value, hint)


def _child(settings: Settings) -> Iterator[Finding]:
    """A child is started as a run would start it, and analyses the demo's portrait: one face, most likely happy."""
    try:
        seen = look_at_portrait(settings)
    except (ChildCannotStart, ChildFailure, WorkError, NotAsExpected) as error:
        hint = error.problem.hint if isinstance(error, WorkError | ChildFailure) else "reinstall moodreel"
        yield Finding("child process", Verdict.FAULT, str(error), hint)
        return
    yield Finding(
        "child process", Verdict.OK, f"analysed a portrait: {seen.said}; may take {settings.child_memory_mb} MB"
    )
    yield confinement_of(seen.unheld)


def confinement_of(unheld: Mapping[str, str]) -> Finding:
    """What a child could still do if the file that it reads took it over."""
    if not unheld:
        return Finding("confinement", Verdict.OK, "children have no network, change no file, look into no process")
    missing = ", ".join(f"{name} ({reason})" for name, reason in unheld.items())
    hint = "open files of strangers on Linux 6.7 or newer, x86-64 or arm64, or in a container without network"
    return Finding("confinement", Verdict.NOTE, f"not granted here: {missing}", hint)


def _sqlite(_settings: Settings) -> Iterator[Finding]:
    safe = has_wal_reset_fix(sqlite3.sqlite_version_info)
    mode = "a write-ahead log" if safe else "a rollback journal: older than the fix of the WAL-reset bug"
    yield Finding("SQLite", Verdict.OK, f"{sqlite3.sqlite_version}, used with {mode}")


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        with Store.open(settings.database_url) as store:
            jobs = len(store.jobs.list())
            yield Finding("database", Verdict.OK, f"{store.file or 'PostgreSQL'}: of this version, {jobs} jobs")
            yield from _disk(store.file)
    except DatabaseMissing as error:
        yield Finding("database", Verdict.NOTE, str(error), "`moodreel run PATH` makes it")
        yield from _disk(file_of(settings.database_url))
    except StoreError as error:
        yield Finding("database", Verdict.FAULT, str(error), error.hint)


def _media_cache(settings: Settings) -> Iterator[Finding]:
    """Where media of object stores would be staged; nothing is made there."""
    if find_spec(PROTOCOLS["s3"].package) is None:
        yield Finding("object stores", Verdict.NOTE, "s3:// cannot be read", PROTOCOLS["s3"].install)
        return
    folder = settings.cache_folder
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        yield Finding("media cache", Verdict.NOTE, f"{folder} cannot be written", "set MOODREEL_CACHE for s3://")
        return
    free_mb = shutil.disk_usage(there).free // 2**20
    small = free_mb < settings.cache_mb and not folder.exists()
    hint = "lower MOODREEL_CACHE_MB, or set MOODREEL_CACHE to a larger disk" if small else ""
    found = f"{folder}: up to {settings.cache_mb:,} MB, {free_mb:,} MB free"
    yield Finding("media cache", Verdict.NOTE if small else Verdict.OK, found, hint)


def _disk(file: Path | None) -> Iterator[Finding]:
    if file is None:
        return
    folder = file.absolute().parent
    if not os.access(folder, os.W_OK):
        yield Finding("disk", Verdict.FAULT, f"{folder} cannot be written", "choose another --database, or its rights")
        return
    free_mb = shutil.disk_usage(folder).free // 2**20
    low = free_mb < LOW_DISK_MB
    yield Finding("disk", Verdict.NOTE if low else Verdict.OK, f"{free_mb:,} MB free", "free some space" if low else "")
