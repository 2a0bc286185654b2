"""The database's own clock in SQL: leases are compared by one clock only, whatever the hosts' say."""

from typing import Any

from sqlalchemy import DateTime
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


class Timestamp(TypeDecorator[Any]):
    """A moment in UTC: TIMESTAMPTZ on PostgreSQL, sortable and readable text on SQLite."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))


class now(FunctionElement[Any]):  # noqa: N801  reads as the SQL function it is
    """The database's time, `seconds` from now."""

    type = Timestamp()
    inherit_cache = False
    name = "moment"

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self.seconds = float(seconds)


@compiles(now, "postgresql")
def _postgresql(element: now, _compiler: SQLCompiler, **_: Any) -> str:
    return f"(clock_timestamp() + make_interval(secs => {element.seconds!r}))"


@compiles(now, "sqlite")
def _sqlite(element: now, _compiler: SQLCompiler, **_: Any) -> str:
    # The text form that SQLAlchemy's DateTime reads: microseconds, of which SQLite knows the first three digits.
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', '{element.seconds:+.3f} seconds')"
