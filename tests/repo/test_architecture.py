"""The house stands as drawn: arrows point one way, the heart is alone, nothing heavy loads early, files stay small."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MAY_IMPORT = {
    "db": {"db"},
    "workers": {"workers", "db"},
    "jobs": {"jobs", "workers", "db"},
    "training": {"training", "workers", "db"},
}
HEAVY = ("cv2", "onnxruntime", "pandas", "celery", "av", "pyarrow", "sqlalchemy", "numpy")
MOST_LINES = 300
MOST_FUNCTION_LINES = 40
MOST_BYTES = 8 * 2**20


def modules(package: str) -> list[Path]:
    return sorted((REPOSITORY / package).rglob("*.py"))


MODULES = [path for package in MAY_IMPORT for path in modules(package)]


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def name_of(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def dotted(path: Path) -> str:
    """The module's name as an import would say it."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever it does; `from a import b` may mean module a or module a.b."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports by dots"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reached_from(module: str) -> set[str]:
    """Everything that a module of ours imports, itself or through others of ours; type-only imports count as well."""
    files = {dotted(path): path for path in MODULES}
    seen: set[str] = set()
    todo = [module]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += imports_of(files[name]) if name in files else []
    return seen


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_arrows_point_one_way(package: str) -> None:
    ours = set(MAY_IMPORT)
    wrong = {
        f"{name_of(path)} imports {imported}"
        for path in modules(package)
        for imported in imports_of(path)
        if (root := imported.partition(".")[0]) in ours and root not in MAY_IMPORT[package]
    }
    assert not wrong


@pytest.mark.parametrize("module", ["workers.pipeline", "workers.child"])
def test_what_opens_media_knows_no_database_no_network_and_no_queue(module: str) -> None:
    reached = reached_from(module)
    assert "workers.video.reader" in reached, "the walk follows imports inside functions"
    roots = {name.partition(".")[0] for name in reached}
    assert not roots & {"sqlalchemy", "alembic", "psycopg", "httpx", "celery", "redis", "jobs"}
    assert not {name for name in reached if name.startswith("workers.services")}, "that room holds keys"


def test_the_supervisor_knows_no_database_and_no_queue() -> None:
    roots = {name.partition(".")[0] for name in reached_from("workers.supervisor")}
    assert not roots & {"sqlalchemy", "sqlite3", "celery", "redis", "httpx", "jobs"}


def test_only_one_module_knows_the_runtime_of_the_models() -> None:
    who = {name_of(path) for path in MODULES if "onnxruntime" in set(imports_of(path))}
    assert who <= {"workers/sessions/ort.py", "workers/child.py", "jobs/doctor.py"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_small_and_says_what_it_owns(path: Path) -> None:
    tree = tree_of(path)
    assert not tree.body or ast.get_docstring(tree), "it has no docstring"
    if "migrations/versions" in path.as_posix():
        return
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= MOST_LINES
    long = {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _lines(node) > MOST_FUNCTION_LINES
    }
    assert not long


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body: the parameters of a command are its options, declared and not done."""
    assert function.end_lineno is not None
    return function.end_lineno + 1 - function.body[0].lineno


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from jobs.cli import main\n"
        "sys.argv = ['moodreel', '--help']\n"
        "try:\n    main()\n"
        f"finally:\n    print('loaded:', *[name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "Usage: moodreel" in done.stdout
    assert done.stderr.splitlines()[-1] == "loaded:"


def test_looking_at_jobs_loads_nothing_of_pictures_or_queues() -> None:
    """Python's start is most of what `status` takes: it has to answer within a second."""
    watched = (*HEAVY, "redis", "structlog", "rich")
    script = (
        f"import sys, jobs.cli.summary, jobs.looking; print(*[name for name in {watched!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["sqlalchemy"]


def tracked() -> list[Path]:
    """The files that are checked in; skips where there is no checkout."""
    try:
        listing = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    paths = (REPOSITORY / name for name in listing.stdout.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def test_no_file_names_a_package_host_or_a_place_on_one_machine() -> None:
    # Put together here, so that this file does not name what it looks for.
    hosts = [b"pypi" + end for end in (b".org", b".python.org")] + [
        b"files.python" + b"hosted.org",
        b"--index" + b"-url",
    ]
    places = [b"/work" + b"/", b"/root" + b"/", b"/home" + b"/user"]
    wrong = {
        f"{name_of(path)}: {word.decode()}"
        for path in tracked()
        for word in (*hosts, *places)
        if _names(path.read_bytes(), word)
    }
    assert not wrong


def _names(content: bytes, word: bytes) -> bool:
    """Whether a text names `word`, where a path begins with it: a longer name that merely holds it is another."""
    if b"\0" in content:
        return False
    before = (content[at - 1 : at] for at in _places(content, word))
    return any(not (word.startswith(b"/") and (char.isalnum() or char in b"._-*}")) for char in before)


def _places(content: bytes, word: bytes) -> Iterator[int]:
    at = content.find(word)
    while at >= 0:
        yield at
        at = content.find(word, at + 1)


def test_checked_in_files_are_small() -> None:
    assert not {f"{name_of(path)}: {path.stat().st_size}" for path in tracked() if path.stat().st_size > MOST_BYTES}
