"""Databases for tests: a fresh one for each test, of both kinds. Import the fixtures into a conftest.

A prepared database is copied, not migrated anew: a few milliseconds on SQLite, a few hundredths of a second on
PostgreSQL.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from db import migrate
from db.engine import dispose, open_engine
from db.query_postgres import READER_ROLE_SQL
from db.store import Store
from tests.support.dbplace import quick_place
from tests.support.postgres import Server, shared_server

BACKENDS = ("sqlite", "postgresql")
TEMPLATE = "moodreel_template"
_numbers = count()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The session's PostgreSQL; the processes of pytest-xdist share it."""
    own = tmp_path_factory.getbasetemp()
    with shared_server(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) as server:
        yield server


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """The kind of database: a test that needs one, however indirectly, runs on each."""
    return str(request.param)


@pytest.fixture
def quick_folder() -> Iterator[Path]:
    """A folder for SQLite files: in memory where there is such a place, since each commit waits for its disk."""
    with tempfile.TemporaryDirectory(prefix="moodreel-", dir=quick_place()) as folder:
        yield Path(folder)


@pytest.fixture
def empty_database_url(backend: str, quick_folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database that holds nothing yet."""
    if backend == "sqlite":
        yield f"sqlite:///{quick_folder}/empty.db"
    else:
        yield from postgres_database(request.getfixturevalue("postgres"), "template0")


@pytest.fixture
def database_url(backend: str, quick_folder: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of this version, without any rows."""
    if backend == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), quick_folder / "moodreel.db")
        yield f"sqlite:///{quick_folder}/moodreel.db"
    else:
        yield from postgres_database(request.getfixturevalue("postgres"), request.getfixturevalue("postgres_template"))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An open store without any rows. A busy database shows as an error within seconds."""
    with Store.open(database_url, patience_s=20) as opened:
        yield opened


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file to copy, made by the migrations: what a new one is made by is held against them."""
    file = tmp_path_factory.mktemp("template") / "moodreel.db"
    engine = open_engine(f"sqlite:///{file}")
    migrate.upgrade(engine)
    dispose(engine)
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres: Server) -> str:
    """A PostgreSQL database to copy; each process makes its own, and each folder that imports these fixtures."""
    name = f"{TEMPLATE}_{os.getpid()}_{next(_numbers)}"
    with postgres.connect() as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    Store.open(postgres.url(name), create=True).close()
    return name


def postgres_database(server: Server, template: str) -> Iterator[str]:
    """The URL of a new PostgreSQL database."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with server.connect() as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    yield server.url(name)
    with server.connect() as connection:
        connection.execute(f'DROP DATABASE "{name}"')  # fails where a test left a connection open


def reader_url(server: Server, url: str) -> Iterator[str]:
    """The same PostgreSQL database as a login that may only read, made by the SQL that a refusal shows."""
    name = str(make_url(url).database)
    login = f"reader_{name}"
    with server.connect(name) as connection:
        connection.execute(READER_ROLE_SQL.replace("moodreel_reader", login).encode())
    yield server.url(name, login)
    with server.connect(name) as connection:
        connection.execute(f'DROP OWNED BY "{login}"')
        connection.execute(f'DROP ROLE "{login}"')
