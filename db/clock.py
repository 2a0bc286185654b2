"""The database's own clock in SQL: leases are compared by one clock only, whatever the hosts' say."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BindParameter, DateTime, Double, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


class Timestamp(TypeDecorator[Any]):
    """A moment in UTC: TIMESTAMPTZ on PostgreSQL, sortable and readable text on SQLite; aware in Python."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Any) -> Any:
        return dialect.type_descriptor(DateTime(timezone=dialect.name == "postgresql"))

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class now(FunctionElement[Any]):  # noqa: N801  reads as the SQL function it is
    """The database's time, `seconds` from now."""

    type = Timestamp()
    inherit_cache = True
    name = "moment"

    def __init__(self, seconds: float | BindParameter[float] = 0.0) -> None:
        # A bound parameter, so that the statement around it is compiled once.
        bound = seconds if isinstance(seconds, BindParameter) else literal(float(seconds), Double())
        super().__init__(*([bound] if isinstance(seconds, BindParameter) or seconds else []))


@compiles(now, "postgresql")
def _postgresql(element: now, compiler: SQLCompiler, **options: Any) -> str:
    if not len(element.clauses):
        return "clock_timestamp()"
    seconds = compiler.process(element.clauses, **options)
    return f"(clock_timestamp() + make_interval(secs => {seconds}))"


@compiles(now, "sqlite")
def _sqlite(element: now, compiler: SQLCompiler, **options: Any) -> str:
    # The text form that SQLAlchemy's DateTime reads: microseconds, of which SQLite knows the first three digits.
    if not len(element.clauses):
        return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
    seconds = compiler.process(element.clauses, **options)
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', printf('%+.3f seconds', {seconds}))"
