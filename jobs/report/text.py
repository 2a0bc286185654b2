"""A report as Markdown: the facts of the page in tables, for a terminal, a repository or a mail."""

from collections.abc import Iterable, Iterator, Sequence

from db.emotions import EMOTIONS
from jobs.cli.output import printable
from jobs.report.facts import FileFacts, Report
from jobs.report.groups import EVERYBODY, Course, Group
from jobs.report.words import clock, interval, lead, percent, signed, title_of

NAMED = 2
"""Emotions that are named of each file."""
_SPECIAL = str.maketrans({letter: f"\\{letter}" for letter in "\\`*_{}[]<>#|~&"})


def render(report: Report) -> str:
    """The text. Names and tags stand in it as they are, none is read as markup."""
    parts = [_head(report), _spread(report), _files(report), *_groups(report), _problems(report), _asked(report)]
    return "\n".join(part for part in parts if part)


def plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return printable(text).translate(_SPECIAL)


def _head(report: Report) -> str:
    about = (
        f"Job {report.job.id[-8:]}, asked for on {report.job.created_at} UTC. Report made on {report.made_at} UTC by "
        f"Moodreel {report.program_version}."
    )
    return f"# {plain(title_of(report))}\n\n{lead(report)}\n\n{about}\n"


def _spread(report: Report) -> str:
    if not report.scored:
        return ""
    ranked = sorted(EMOTIONS, key=lambda name: -report.dominants.get(name, 0))
    counts = [(name, report.dominants.get(name, 0)) for name in ranked]
    rows = [(name, f"{count:,}", percent(count / report.scored)) for name, count in counts]
    return "## Faces by strongest emotion\n\n" + _table(("emotion", "faces", "share"), rows, right=(1, 2))


def _files(report: Report) -> str:
    keys = sorted({key for one in report.files for key in one.file.tags})
    heads = ("recording", *map(plain, keys), "length", "frames", "faces", "mostly", "valence", "strongest moments")
    rows = [_file_row(one, keys) for one in report.files]
    right = [len(keys) + at for at in (1, 2, 3, 5)]
    left_out = f"\n{report.files_left_out:,} more files are in the database.\n" if report.files_left_out > 0 else ""
    return "## Recordings\n\n" + _table(heads, rows, right=right) + left_out


def _file_row(one: FileFacts, keys: Sequence[str]) -> tuple[str, ...]:
    media = one.file.media
    tags = (plain(one.file.tags.get(key, "")) for key in keys)
    if media is None:
        return plain(one.file.path), *tags, "", "", "", "not analysed", "", ""
    shares = sorted(enumerate(one.shares or ()), key=lambda pair: -pair[1])[:NAMED]
    return (
        plain(one.file.path),
        *tags,
        clock(media.duration_s) if media.kind == "video" else "photo",
        f"{media.frames:,}",
        f"{media.faces:,}",
        ", ".join(f"{EMOTIONS[place]} {percent(share)}" for place, share in shares if share),
        "" if one.valence is None else signed(one.valence),
        ", ".join(f"{clock(moment.time_s)} {EMOTIONS[moment.emotion]}" for moment in one.moments),
    )


def _groups(report: Report) -> Iterator[str]:
    for tag, groups in report.groups.items():
        rows = [_group_row(group) for group in groups if group.participants]
        heads = (plain(tag), "n", *EMOTIONS, "valence")
        title = f"## Strongest emotion of their faces by {plain(tag)}\n\n"
        yield title + _table(heads, rows, right=range(1, len(heads)))
    if report.courses:
        over = [row for course in report.courses for row in _course_rows(course)]
        table = _table(("stimulus", "by", "group", "n", "mean valence over its time"), over, right=(3, 4))
        yield "## Groups over the same time of the same stimulus\n\n" + table
    if report.groups or report.courses:
        yield "n counts participants, ± is the 95 % confidence interval over them (Student's t).\n"


def _group_row(group: Group) -> tuple[str, ...]:
    shares = [
        interval(float(mean), float(half), percent)
        for mean, half in zip(group.shares.mean, group.shares.half, strict=True)
    ]
    valence = interval(float(group.valence.mean[0]), float(group.valence.half[0]), signed)
    return plain(group.value), str(group.participants), *shares, valence


def _course_rows(course: Course) -> Iterator[tuple[str, ...]]:
    for line in course.lines:
        known = line.estimate.mean[:, 8]
        known = known[known == known]  # noqa: PLR0124  NaN is what is not there
        mean = signed(float(known.mean())) if len(known) else ""
        by = "" if course.tag == EVERYBODY else plain(course.tag)
        yield plain(course.stimulus), by, plain(line.value) or "everybody", str(line.participants), mean


def _problems(report: Report) -> str:
    if not report.problems:
        return ""
    rows = [
        (plain(one.path), f"{plain(one.problem.reason)} ({plain(one.problem.code)})", plain(one.problem.hint))
        for one in report.problems
    ]
    left_out = f"\n{report.problems_left_out:,} more are in the database.\n" if report.problems_left_out > 0 else ""
    return "## Problems\n\n" + _table(("file", "what is wrong", "what helps"), rows) + left_out


def _asked(report: Report) -> str:
    rows = [(what, plain(how)) for what, how in report.asked.lines]
    notes = "".join(f"\n{plain(note)}\n" for note in report.notes)
    return "## What was asked\n\n" + _table(("what", "how"), rows) + notes


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    ends = set(right)
    rule = ["---:" if at in ends else "---" for at in range(len(heads))]
    return "".join(f"| {' | '.join(line)} |\n" for line in (heads, rule, *rows))
