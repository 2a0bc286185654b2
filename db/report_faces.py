"""Where single faces of a job are to be found in their recordings: for pictures of them."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from db.records import MediaFacts, SegmentSpec
from db.rows import FACTS
from db.schema import frame, media, media_analysis, segment

_OF_SEGMENT = ("ordinal", "start_pts", "end_pts", "entry_pts", "packets", "start_s", "end_s", "weight")


@dataclass(frozen=True, slots=True)
class FramePlace:
    """One frame that was looked at, as a segment that holds nothing else."""

    pts: int
    segment: SegmentSpec


def facts_of(connection: Connection, media_analysis_id: int) -> MediaFacts:
    """What the media of an analysis holds."""
    wanted = sa.select(*(media.c[name] for name in FACTS)).join(media_analysis)
    row = connection.execute(wanted.where(media_analysis.c.id == media_analysis_id)).one()
    return MediaFacts(**row._mapping)


def frame_places(connection: Connection, media_analysis_id: int, pts: Collection[int]) -> list[FramePlace]:
    """The frames of one media analysis with these timestamps, each with the way to it."""
    wanted = (
        sa.select(frame.c.pts.label("at"), *(segment.c[name] for name in _OF_SEGMENT))
        .join(segment, segment.c.id == frame.c.segment_id)
        .where(frame.c.media_analysis_id == media_analysis_id, frame.c.pts.in_(sorted(pts)))
        .order_by(frame.c.pts)
    )
    found = []
    for row in connection.execute(wanted):
        values = {name: getattr(row, name) for name in _OF_SEGMENT}
        if row.start_pts is not None or row.end_pts is not None or row.packets is not None:  # a photo has no such
            values |= {"start_pts": row.at, "end_pts": row.at + 1}
        found.append(FramePlace(row.at, SegmentSpec(**values, targets=1)))
    return found
