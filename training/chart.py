"""A confusion matrix as a picture: SVG, drawn without help, readable on light and dark pages."""

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from db.emotions import EMOTIONS

CELL, LEFT, TOP = 64, 110, 70


def confusion_svg(confusion: Sequence[Sequence[int]]) -> str:
    """Rows are what people saw, columns what the model says; a cell holds its share of the row and its count."""
    side = CELL * len(EMOTIONS)
    width, height = LEFT + side + 16, TOP + side + 40
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="13" role="img">'
        "<title>Confusion matrix: what people saw, by what the model says</title>"
        f'<rect width="{width}" height="{height}" fill="#fff"/>'
    )
    return "\n".join([head, *_names(side), *_cells(confusion), "</svg>", ""])


def _names(side: int) -> Iterator[str]:
    yield _text(LEFT + side / 2, 22, "the model says", "middle", "#444")
    yield _text(LEFT + side / 2, TOP + side + 28, "share of each row; number of pictures below it", "middle", "#444")
    yield _text(LEFT - 8, TOP - 12, "people saw", "end", "#444")
    for place, emotion in enumerate(EMOTIONS):
        middle = (place + 0.5) * CELL
        yield _text(LEFT + middle, TOP - 12, emotion, "middle")
        yield _text(LEFT - 8, TOP + middle + 4, emotion, "end")


def _cells(confusion: Sequence[Sequence[int]]) -> Iterator[str]:
    for row, counts in enumerate(confusion):
        total = max(1, sum(counts))
        for column, count in enumerate(counts):
            x, y, share = LEFT + column * CELL, TOP + row * CELL, count / total
            light = round(255 - 175 * share)
            fill = f"rgb({light - 25},{light - 8},255)"
            yield f'<rect x="{x}" y="{y}" width="{CELL - 1}" height="{CELL - 1}" fill="{fill}"/>'
            ink = "#fff" if share > 0.6 else "#111"
            yield _text(x + CELL / 2, y + CELL / 2, f"{share:.0%}", "middle", ink)
            yield _text(x + CELL / 2, y + CELL / 2 + 17, str(count), "middle", ink, size=11)


def _text(x: float, y: float, words: str, anchor: str, ink: str = "#111", size: int = 13) -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="{ink}" font-size="{size}">{escape(words)}</text>'
