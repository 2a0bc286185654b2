"""Names that would be protocols, options, patterns, commands or markup to somebody less careful: honest files, all."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.acceptance.folders import write_clip, write_photo
from tests.hostile.case import Case, Expect

MARKER = "pwned-by-a-name"
"""What would show up, run or coloured, where a name is printed raw."""
NAMES = (
    *(
        "-i.mp4",
        "--help.mp4",
        "-",
        "%02d.mp4",
        "frame%d.jpg",
        "seq_*.jpg",
        "[a-z]?.jpg",
        "{a,b}.mp4",
        "~.mp4",
        "~root.jpg",
    ),
    *("file:x.mp4", "http:evil.mp4", "https:x.jpg", "concat:a|b.mp4", "data:text,x.mp4", "crypto:x.mp4", "pipe:0.mp4"),
    *("subfile,,start,0,end,9,,:x.mp4", "tcp:127.0.0.1:9.mp4", "async:x.mp4", "cache:x.mp4", "tee:x.mp4", "fd:3.mp4"),
    *("query?x=1#part.mp4", "a;touch x.mp4", "$(id).mp4", "`id`.jpg", "a && b.mp4", "a|b.mp4", "a>b.jpg", "a'b\".mp4"),
    *("two\nlines.mp4", "tab\there.jpg", "bell\a.mp4", "back\bspace.jpg", "return\rhere.mp4", "del\x7f.jpg"),
    *(f"\x1b]0;{MARKER}\x07.mp4", f"\x1b[31m{MARKER}.jpg", "\x1b[2J.mp4", "\x9b31m.jpg", "\x1b]8;;http:x\x1b\\x.mp4"),
    *(f"<script>{MARKER}=1<_script>.mp4", "<img src=x onerror=alert(1)>.jpg", "&lt;b&gt;.jpg", "'-alert(1)-'.jpg"),
    *(
        "{{7*7}}.mp4",
        "{% x %}.jpg",
        "__proto__.mp4",
        "constructor.jpg",
        "=cmd|' _C calc'!A0.jpg",
        "@SUM(1).jpg",
        "+1.jpg",
    ),
    *(
        "\u202egpj.mp4",
        "\u200b.jpg",
        "\N{GRINNING FACE}.mp4",
        "e\u0301.jpg",
        "\u00e9.jpg",
        " .mp4",
        "  lead.jpg",
        "trail .mp4",
    ),
    *("con.mp4", "nul.jpg", "a.mp4.jpg", "noext", "UPPER.JPG", "1.MP4", "x" * 251 + ".mp4", "\u00fc" * 120 + ".jpg"),
    *(
        "'; DROP TABLE media;--.mp4",
        '" OR 1=1.jpg',
        "%s%n%x.mp4",
        "\\\\server\\share.jpg",
        "..mp4",
        "...jpg",
        "a..b.mp4",
    ),
)
RAW = (b"not-utf8-\xff.mp4", b"\xc3\x28.jpg", b"\xed\xa0\x80.mp4", b"latin-caf\xe9.jpg", b"\xf0\x9f.jpg")


def cases() -> Iterator[Case]:
    """Photos of one face, and some clips of two seconds."""
    for number, name in enumerate((*(name.encode() for name in NAMES), *RAW)):
        is_clip = number % 6 == 0
        write = partial(_as_named, write_clip if is_clip else write_photo, ".mp4" if is_clip else ".jpg", number)
        if name.startswith(b"."):  # hidden files are left out
            yield Case(b"names/" + name, write, Expect.PASSED)
        else:
            yield Case(b"names/" + name, write, Expect.HONEST, 2 if is_clip else 1)


def _as_named(make: Callable[[Path, int], object], ending: str, number: int, path: Path) -> None:
    """An encoder would take the name for more than a name."""
    made = path.parent / f".making-{number}{ending}"
    make(made, number)
    made.rename(path)
