"""The page beside an export: what its columns hold, in which unit, and how the format writes them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jobs.export.base import Field, Notes

README = "_README.md"
"""Its name in a folder: what reads a folder as one table passes over names that begin so."""
_WRITTEN = {
    "csv": """
UTF-8, commas, a header line. NULL is an empty cell, an empty text is `""`. Numbers read back exactly. Text is as it is
stored: a spreadsheet may take what begins with `=` for a formula (the format xlsx is safe there).""",
    "jsonl": """
UTF-8, one JSON object a line. NULL is `null`. Numbers read back exactly where a reader keeps 64 bits. Columns of type
json are part of the document.""",
    "parquet": """
text and json are strings, integer is INT64, real is DOUBLE; NULL is null. The file's metadata hold what stands above,
under `moodreel.`.""",
    "xlsx": """
NULL is no cell, an empty text is an empty one. Text is never a formula. Whole numbers beyond 2^53 are text, since a
sheet would round them. Rows beyond what a sheet holds go on in the next.""",
}


@dataclass(frozen=True, slots=True)
class About:
    """What there is to say of an export."""

    table: str
    sentence: str
    fields: Sequence[Field]
    notes: Notes
    form: str
    by_media: bool
    """It is a folder with a file a recording; the first column is not in the files but names their folders."""


def readme(about: About, rows: int) -> str:
    """The page, in Markdown."""
    parts = [f"# {about.table}", f"{about.sentence} {rows:,} rows.", _table(("", ""), about.notes.items())]
    parts += ["## Columns", _table(("column", "type", "meaning"), _columns(about))]
    parts += [f"## How {about.form} holds them", _WRITTEN[about.form].strip()]
    if about.by_media:
        parts.append(_folders(about))
    return "\n\n".join(parts) + "\n"


def _folders(about: About) -> str:
    name = about.fields[0].name
    return f"""One file a recording: `{name}=12/part-0.{about.form}` holds the rows whose {name} is 12, without that
column. DuckDB, Spark and pyarrow read the folder as one table; the column comes from the names (hive partitioning)."""


def _columns(about: About) -> Iterator[Sequence[str]]:
    return ((field.name, field.kind, field.sentence) for field in about.fields)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    """Text that stays in its cell, whatever a job or a condition is called."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())
