"""The groups of a job over time, as SQL that reads the files of a few groups at once.

The view `group_timeline` adds up every job of a database before it looks which one was asked for. Here its definition
stands on some files alone: all of one or several groups, which one tag makes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import itemgetter

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.describe import described
from db.export_sql import Source, Statement, listed, quoted
from db.schema import job_file, media_analysis, tag
from db.views import definitions

_SENTENCE = (
    "One row per tag, stimulus, second and measure: the mean over participants, each of whom counts once, "
    "with its 95 % confidence band."
)
_ORDER = "tag, value, stimulus IS NOT NULL, stimulus, second, measure"
CHUNK_FRAMES = 20_000
"""Frames of several groups to read at once; of a larger group all are."""
CHUNK_FILES = 500
MOST_LISTED = 50_000
"""Files that a statement may name, which has a megabyte on SQLite."""
_FROM = "FROM tag_timeline"


@dataclass(frozen=True, slots=True)
class _Group:
    """Files with one value of a tag and one stimulus."""

    tag: str
    has_stimulus: bool
    place: int
    """Of the tag among those of its first file, in the order of their keys."""
    files: tuple[int, ...]
    frames: int


def groups_of(job_id: str) -> Source:
    """Where the rows of `group_timeline` of one job come from, ordered by tag, value and stimulus."""

    def statements(connection: Connection) -> Iterator[Statement]:
        return (Statement(_over(_condition(groups, job_id)), _ORDER) for groups in _chunks(_groups(connection, job_id)))

    columns = described()["group_timeline"].columns
    return Source(_SENTENCE, columns, _over("job_file = -1"), statements, of_files=False)


@cache
def _definition() -> str:
    return definitions()["group_timeline"].partition(" AS\n")[2]


def _over(condition: str) -> str:
    narrowed = f"FROM (SELECT * FROM tag_timeline WHERE {condition}) AS tag_timeline"  # noqa: S608
    return _definition().replace(_FROM, narrowed)


def _condition(groups: Sequence[_Group], job_id: str) -> str:
    """What holds for their rows. A tag is told by a file that has it, so that no text of people's stands in SQL."""
    first = groups[0]
    which = f"FROM tag WHERE job_file_id = {first.files[0]} ORDER BY key LIMIT 1 OFFSET {first.place}"
    tag_is = f"tag = (SELECT key {which})"
    files = [file for group in groups for file in group.files]
    if len(files) <= MOST_LISTED:
        return f"job_file {listed(files)} AND {tag_is}"
    shown = f"(SELECT value FROM tag WHERE job_file_id = {first.files[0]} AND key = 'stimulus')"  # noqa: S608
    stimulus = f"stimulus = {shown}" if first.has_stimulus else "stimulus IS NULL"
    return f"job = {quoted(job_id)} AND {tag_is} AND value = (SELECT value {which}) AND {stimulus}"


def _chunks(groups: Iterable[_Group]) -> Iterator[list[_Group]]:
    chunk: list[_Group] = []
    frames = files = 0
    for group in groups:
        frames, files = frames + group.frames, files + len(group.files)
        if chunk and (chunk[0].tag != group.tag or frames > CHUNK_FRAMES or files > CHUNK_FILES):
            yield chunk
            chunk, frames, files = [], group.frames, len(group.files)
        chunk.append(group)
    if chunk:
        yield chunk


def _groups(connection: Connection, job_id: str) -> Iterator[_Group]:
    stimulus = tag.alias()
    place = sa.func.row_number().over(partition_by=tag.c.job_file_id, order_by=tag.c.key) - 1
    select = (
        sa.select(tag.c.key, tag.c.value, stimulus.c.value, tag.c.job_file_id, media_analysis.c.frames, place)
        .join(job_file, job_file.c.id == tag.c.job_file_id)
        .join(media_analysis, media_analysis.c.id == job_file.c.media_analysis_id)
        .outerjoin(stimulus, (stimulus.c.job_file_id == job_file.c.id) & (stimulus.c.key == "stimulus"))
        .where(job_file.c.job_id == job_id)
        .order_by(tag.c.key, tag.c.value, stimulus.c.value.is_not(None), stimulus.c.value, tag.c.job_file_id)
        .execution_options(yield_per=1000)
    )
    for (key, _, shown), found in groupby(connection.execute(select), key=itemgetter(0, 1, 2)):
        rows = list(found)
        yield _Group(key, shown is not None, rows[0][5], tuple(row[3] for row in rows), sum(row[4] for row in rows))
