"""What every table is made of: the metadata with its naming rules, the type of ids, constraints that recur."""

from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, MetaData, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")
# Tables from which rows are forgotten say sqlite_autoincrement: an id that a late worker or a person still holds must
# never come to mean something else.


def one_of(column: str, states: type[StrEnum]) -> CheckConstraint:
    """The column holds one of the states."""
    names = ", ".join(f"'{state.value}'" for state in states)
    return CheckConstraint(f"{column} IN ({names})", name=column)


def problem_columns() -> list[Column[str]]:
    """The columns that hold a problem, or NULLs."""
    return [Column("error_code", Text), Column("error_reason", Text), Column("error_hint", Text)]
