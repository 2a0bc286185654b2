"""`report`: one page, or one text, of what a job found."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli import options
from jobs.cli.results import Force, target
from jobs.words import numbered

if TYPE_CHECKING:
    from jobs.report.write import Form

ReportOutput = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="The file to write; - is stdout. Default: report.html, and stdout for Markdown.",
        metavar="FILE",
    ),
]
ReportFormat = Annotated[
    str | None, typer.Option("--format", "-f", help="html or md; else by the file's ending.", metavar="NAME")
]
Thumbnails = Annotated[
    bool,
    typer.Option(
        "--thumbnails", help="Put small pictures of faces into the page, cut from the recordings. Mind who gets it."
    ),
]
Blur = Annotated[bool, typer.Option("--blur", help="With --thumbnails: blur them beyond recognition.")]
Open = Annotated[bool, typer.Option("--open", help="Open it in the browser.")]
DEFAULT = "report.html"
_FORMS = "add --format with one of: html, md"
_ENDINGS = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(report)


def report(
    job: options.Job,
    output: ReportOutput = None,
    form: ReportFormat = None,
    thumbnails: Thumbnails = False,
    blur: Blur = False,
    show: Open = False,
    force: Force = False,
    database: options.Database = None,
) -> None:
    """Write a report of a job: who showed what, when, as one page that opens without a network, or as Markdown.

    The page plays the recordings from where they lie, and holds no picture of anybody unless --thumbnails asks for it.
    """
    from jobs.cli.output import say
    from jobs.cli.working import open_store, settings_of
    from jobs.report.write import Form, Wanted, write_report

    settings = settings_of(database)
    wanted_form = _form(form, output)
    default = DEFAULT if wanted_form is Form.HTML else None
    path = target(output or default, settings.database_url)
    _check(wanted_form, path, thumbnails=thumbnails, blur=blur, show=show)
    with open_store(settings) as store:
        wanted = Wanted(wanted_form, path, force, thumbnails, blur)
        made = write_report(store, store.jobs.find(job), settings, wanted)
    if path is not None:
        say(f"report of {numbered(len(made.files), 'file')} written: {path}")
        for note in made.notes:
            say(f"note: {note}")
        if show:
            _open(path)


def _form(form: str | None, output: str | None) -> "Form":
    from jobs.errors import UsageError
    from jobs.report.write import Form

    if form is None:
        ending = Path(output or DEFAULT).suffix.lower()
        form = "html" if output == "-" else _ENDINGS.get(ending)
        if form is None:
            raise UsageError(f"{output!r} does not say which format is meant", _FORMS)
    if form not in tuple(Form):
        raise UsageError(f"there is no report format {form!r}", _FORMS)
    return Form(form)


def _check(form: "Form", path: Path | None, *, thumbnails: bool, blur: bool, show: bool) -> None:
    """Raise UsageError for options that would do nothing."""
    from jobs.errors import UsageError
    from jobs.report.write import Form

    if blur and not thumbnails:
        raise UsageError("--blur without --thumbnails: the page holds no pictures anyway", "add --thumbnails")
    if thumbnails and form is Form.MARKDOWN:
        raise UsageError("a text holds no thumbnails", "leave --thumbnails out, or write a page (--format html)")
    if show and path is None:
        raise UsageError("stdout cannot be opened in a browser", "name a file with --output")


def _open(path: Path) -> None:
    import webbrowser

    from jobs.cli.output import say

    if not webbrowser.open(path.resolve().as_uri()):
        say(f"no browser could be started; open it yourself: {path.resolve().as_uri()}")
