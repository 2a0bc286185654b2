"""One file made of one recording: the only place that says which of the three kinds it is."""

from workers.drawing.film import draw_film
from workers.drawing.output import Report, Write
from workers.drawing.sheet import draw_sheet
from workers.drawing.still import draw_still
from workers.drawing.work import DrawResult, DrawWork
from workers.video.identity import holds_still
from workers.video.source import form_as_probed


def draw(work: DrawWork, write: Write, report: Report) -> DrawResult:
    """Make the file that `work` asks for, and give its bytes to `write`.

    Raises MediaError, also when the recording is another file before or after: what was written is void then.
    """
    if work.sheet is not None:
        return draw_sheet(work, work.sheet, write, report)
    with holds_still(work.source):
        form = form_as_probed(work.source, work.facts)
        if form.kind == "photo":
            return draw_still(work, form, write)
        return draw_film(work, form, write, report)
