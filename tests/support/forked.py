"""Commands of the program, each in a process of its own that is forked from one where its modules lie ready.

Most of what a small command costs is the reading of the libraries below it; a suite of thousands of commands reads them
once. Whatever a person can see of a command is as ever: its process, folder, environment, output and exit code.
"""

import importlib
import multiprocessing
import os
import pkgutil
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

OURS = [sys.executable, "-m", "jobs"]
"""How a command line begins that is one of ours."""
_READY = (
    *("alembic.context", "alembic.ddl", "jobs.embedded", "sqlalchemy.dialects.sqlite.pysqlite"),
    *("celery.bin.worker", "celery.concurrency.thread", "celery.worker.components", "kombu.transport.redis"),
    *("sqlalchemy.dialects.postgresql.psycopg", "workers.reaper", "workers.tasks", "tests.support.guardian"),
)
"""What commands import late, besides the modules of `jobs.cli`: nothing here starts a thread."""
forking = multiprocessing.get_context("forkserver")
forking.set_forkserver_preload([__name__ + "_ready"])


def forked(arguments: list[str], cwd: Path, environment: dict[str, str], timeout_s: float) -> tuple[int, str, str]:
    """Run `moodreel ARGUMENTS` to its end: exit code, stdout, stderr. Raises subprocess.TimeoutExpired."""
    with TemporaryDirectory(prefix="moodreel-command-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = forking.Process(target=_become, args=(arguments, str(cwd), environment, str(out), str(err)))
        process.start()
        process.join(timeout_s)
        if process.is_alive():
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, timeout_s, out.read_bytes(), err.read_bytes())
        code = process.exitcode
        process.close()
        assert code is not None
        return code, out.read_text(), err.read_text()


def _become(arguments: list[str], cwd: str, environment: dict[str, str], out: str, err: str) -> None:
    """Be `python -m jobs ARGUMENTS`, as far as the program can tell."""
    write_to(out, err)
    become(arguments, cwd, environment)


def write_to(out: str | Path, err: str | Path) -> None:
    """Let what this process writes go to two files."""
    for number, name in ((1, out), (2, err)):
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
        os.close(file)


def become(arguments: list[str], cwd: str, environment: dict[str, str]) -> NoReturn:
    """Be `python -m jobs ARGUMENTS`, as far as the program can tell; raises SystemExit."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path not in sys.path]
    os.chdir(cwd)
    sys.argv = ["moodreel", *arguments]
    from jobs.cli import main

    main()


def make_ready() -> None:
    """Import what commands import."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    import jobs.cli

    for module in pkgutil.iter_modules(jobs.cli.__path__, "jobs.cli."):
        importlib.import_module(module.name)
    for name in _READY:
        importlib.import_module(name)
    threads = len(list(Path("/proc/self/task").iterdir())) if sys.platform == "linux" else 1
    assert threads == 1, "a process with threads cannot be forked safely"
