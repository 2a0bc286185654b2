"""`doctor` and `demo`: does it work here, and what does it look like."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobs.findings import Finding
    from workers.settings import Settings

DEMO_QUERY = (
    "SELECT path, count(*) AS faces, round(avg(happiness), 3) AS happiness, round(avg(valence), 3) AS valence "
    "FROM emotions GROUP BY path ORDER BY path"
)
DEMO_TIMEOUT_S = 60.0
EXPECTED_FAILURES = 1
"""The demo's folder holds one broken file on purpose."""

Folder = Annotated[
    str, typer.Option("--output", "-o", metavar="DIR", help="Where media, database and exports are put.")
]
Service = Annotated[
    str | None,
    typer.Option(
        "--service",
        metavar="NAME",
        help="Instead, send one portrait to this service, for real: one call of your account. What it costs is said "
        "before.",
    ),
]
SelfTest = Annotated[
    bool,
    typer.Option(
        "--self-test",
        help="Instead, try every scorer that calls a service, at stand-ins on this machine: no network, no key, no "
        "cost.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(doctor)
    app.command()(demo)


def doctor(
    database: options.Database = None,
    workers: options.Workers = None,
    device: options.Device = None,
    service: Service = None,
    self_test: SelfTest = False,
    as_json: options.Json = False,
) -> None:
    """Try every part that a run needs, and say how to mend what is broken.

    Of services, whether each that is set up could be called; none is, and nothing is paid, unless you ask for it.
    """
    from jobs.cli.output import console, printable, write_json
    from jobs.cli.working import settings_of
    from jobs.findings import Verdict

    findings = []
    for finding in _findings(settings_of(database, workers, device), service, self_test=self_test):
        findings.append(finding)
        if as_json:
            continue
        console().print(f"{finding.verdict.value:>5}  {finding.what}: {printable(finding.found)}")
        if finding.hint:
            console().print(f"       hint: {printable(finding.hint)}")
    if as_json:
        write_json([{"what": f.what, "verdict": f.verdict, "found": f.found, "hint": f.hint} for f in findings])
    if any(finding.verdict is Verdict.FAULT for finding in findings):
        raise typer.Exit(1)


def _findings(settings: "Settings", service: str | None, *, self_test: bool) -> "Iterator[Finding]":
    from jobs.cli.output import say

    if service is not None:
        from jobs.service_call import call_once

        yield call_once(service, settings, say)
    if self_test:
        from jobs import selftest

        yield from selftest.self_test()
    if service is None and not self_test:
        from jobs.doctor import examine

        yield from examine(settings)


def demo(output: Folder = "moodreel-demo", workers: options.Workers = None) -> None:
    """Make sample media, analyse them, query and export the result: everything in one folder."""
    from jobs.cli.output import say
    from jobs.cli.working import settings_of
    from jobs.demo.media import make_media

    folder = Path(output)
    settings = settings_of(str(folder / "moodreel.db"), workers)
    say(f"making sample media in {folder / 'media'}")
    make_media(folder / "media")
    say(f"$ moodreel run {folder / 'media'} --database {folder / 'moodreel.db'}")
    failed = _analyse(settings, folder / "media")
    _show_query(settings, folder)
    _export(settings, folder)
    say(f'\nlook around: cd {folder}; moodreel query "SELECT * FROM problems"; moodreel schema')
    if failed != EXPECTED_FAILURES:
        say(f"error: {failed} files failed where {EXPECTED_FAILURES} is broken on purpose")
        say("hint: run `moodreel doctor`")
        raise typer.Exit(1)


def _analyse(settings: "Settings", media: Path) -> int:
    from jobs.cli.working import Show, run_new
    from jobs.discover import Filters
    from jobs.submit import Wish, build_request
    from workers.analysis import DetectorSpec, Sampling, ScorerSpec

    wish = Wish([str(media)], Sampling(), DetectorSpec(), ScorerSpec(), Filters(), "demo", {}, None)
    return run_new(settings, build_request(wish), Show()).counts.files_failed


def _show_query(settings: "Settings", folder: Path) -> None:
    from db.query import open_query
    from jobs.cli.output import say
    from jobs.cli.querying import query_url, show_rows

    say(f'\n$ moodreel query "{DEMO_QUERY}" --database {folder / "moodreel.db"}')
    with open_query(query_url(settings), DEMO_QUERY, {}, DEMO_TIMEOUT_S) as result:
        show_rows(result)


def _export(settings: "Settings", folder: Path) -> None:
    from jobs.cli.output import say
    from jobs.cli.working import open_store
    from jobs.export.job import ExportRequest, export_job

    say("")
    with open_store(settings) as store:
        job = store.jobs.find("latest")
        for name in ("emotions.csv", "emotions.parquet"):
            rows = export_job(store, job, ExportRequest(folder / name, force=True))
            say(f"{rows:,} rows exported: {folder / name}")
