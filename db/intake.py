"""Files into a job: what their content's hash is known to be, and everything that hangs on it, admitted in batches."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from db.admitting import Admitting
from db.engine import dialect_insert, patient, reading, writing
from db.records import Admission, FileIdentity, JobFile, KnownMedia
from db.schema import media, media_analysis, path_hash


class IntakeStore:
    """The side of the store that submitters write to."""

    def __init__(self, engine: Engine, patience_s: float) -> None:
        self._engine = engine
        self._patience_s = patience_s

    @patient
    def planned(
        self, identities: Sequence[FileIdentity], video_analysis_id: int, photo_analysis_id: int
    ) -> dict[bytes, str]:
        """SHA-256 by path of those files that have not changed since we read them and whose media analysis is stored:
        looking into them again would tell nothing new.
        """
        wanted = sa.case((media.c.kind == "video", video_analysis_id), else_=photo_analysis_id)
        known = (
            sa.select(path_hash)
            .join(media, media.c.sha256 == path_hash.c.sha256)
            .join(media_analysis, (media_analysis.c.media_id == media.c.id) & (media_analysis.c.analysis_id == wanted))
            .where(path_hash.c.path.in_([identity.path for identity in identities]))
        )
        return self._unchanged(known, identities)

    def remembered(self, identities: Sequence[FileIdentity]) -> dict[bytes, str]:
        """SHA-256 by path of those files that have not changed since we read them, whatever became of them."""
        known = sa.select(path_hash).where(path_hash.c.path.in_([identity.path for identity in identities]))
        return self._unchanged(known, identities)

    def _unchanged(self, known: sa.Select[Any], identities: Sequence[FileIdentity]) -> dict[bytes, str]:
        with reading(self._engine) as connection:
            rows = {bytes(row.path): row for row in connection.execute(known)}
        return {
            identity.path: str(rows[identity.path].sha256)
            for identity in identities
            if identity.path in rows and _is_the_same(rows[identity.path], identity)
        }

    def remember_hashes(self, hashes: Sequence[tuple[FileIdentity, str]]) -> None:
        """Remember what the content of these files is, until they change."""
        rows = [
            {
                "path": identity.path,
                "device": str(identity.device),
                "inode": str(identity.inode),
                "size": identity.size,
                "mtime_ns": identity.mtime_ns,
                "sha256": sha256,
            }
            for identity, sha256 in sorted(dict(hashes).items(), key=lambda item: item[0].path)
        ]

        def work(connection: Connection) -> None:
            insert = dialect_insert(connection)(path_hash)
            new = {name: insert.excluded[name] for name in ("device", "inode", "size", "mtime_ns", "sha256")}
            connection.execute(insert.on_conflict_do_update(index_elements=["path"], set_=new), rows)

        if rows:
            writing(self._engine, work, self._patience_s)

    @patient
    def known(self, sha256: str, video_analysis_id: int, photo_analysis_id: int) -> KnownMedia | None:
        """What is stored of a content under the analysis that fits its kind."""
        wanted = sa.case((media.c.kind == "video", video_analysis_id), else_=photo_analysis_id)
        statement = (
            sa.select(media.c.id, media.c.kind, media_analysis.c.id.is_not(None).label("analysed"))
            .outerjoin(
                media_analysis,
                (media_analysis.c.media_id == media.c.id) & (media_analysis.c.analysis_id == wanted),
            )
            .where(media.c.sha256 == sha256)
        )
        with reading(self._engine) as connection:
            row = connection.execute(statement).one_or_none()
        return None if row is None else KnownMedia(row.id, row.kind, bool(row.analysed))

    def admit(self, job_id: str, files: Sequence[JobFile]) -> Admission:
        """Write files into a job with the media, analyses and segments they need, in one transaction.

        Files that the job holds already are passed over, so a walk may be repeated.
        """
        batch = list({(file.root, file.relative): file for file in files}.values())

        def work(connection: Connection) -> Admission:
            return Admitting(connection, job_id).admit(batch)

        def reread(connection: Connection, before: Admission) -> Admission | None:
            return before if Admitting(connection, job_id, alone=True).holds(batch) else None

        return writing(self._engine, work, self._patience_s, reread)


def _is_the_same(row: Any, identity: FileIdentity) -> bool:
    """Whether a remembered file is the one that is there now."""
    remembered = (row.device, row.inode, row.size, row.mtime_ns)
    return remembered == (str(identity.device), str(identity.inode), identity.size, identity.mtime_ns)
