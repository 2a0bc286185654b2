"""The way into the database: open it, and each part of the store does its own work."""

from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy.engine import Engine

from db.engine import PATIENCE_S, dispose, open_engine, sqlite_file
from db.forget import ForgetStore
from db.intake import IntakeStore
from db.jobs import JobStore
from db.ledger import LedgerStore
from db.migrate import prepare
from db.segments import SegmentStore


class Store:
    """An open database of this program's version. Close it, or use it as a context manager."""

    def __init__(self, engine: Engine, patience_s: float = PATIENCE_S) -> None:
        self.engine = engine
        self.patience_s = patience_s
        self.jobs = JobStore(engine, patience_s)
        self.intake = IntakeStore(engine, patience_s)
        self.segments = SegmentStore(engine, patience_s)
        self.ledger = LedgerStore(engine, patience_s)
        self.forgetting = ForgetStore(engine, patience_s)

    @classmethod
    def open(cls, url: str, *, create: bool = False, patience_s: float = PATIENCE_S) -> Self:
        """Open the database at `url`, making it if `create`. Raises a StoreError that says what to do."""
        engine = open_engine(url)
        try:
            prepare(engine, create)
        except BaseException:
            dispose(engine)
            raise
        return cls(engine, patience_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    @property
    def file(self) -> Path | None:
        """The SQLite file; None for PostgreSQL."""
        return sqlite_file(self.engine)

    def close(self) -> None:
        """Close every connection."""
        dispose(self.engine)
