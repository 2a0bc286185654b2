"""What a query may do in SQLite: an authorizer that lets it read, and says in words what else it wanted."""

import sqlite3

READ_ONLY = "query only reads: SELECT, from tables and views of this database"
PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "foreign_key_list"})
# Text and numbers; mathematics; time; aggregates and windows; JSON (tags and attributes). What newer SQLites add is
# listed too. Left out on purpose: whatever loads code, writes logs or tells of the connection's own doings.
_HARMLESS = """
-> ->> abs char coalesce concat concat_ws format glob hex ifnull iif instr length like likelihood likely lower ltrim max
min nullif octet_length printf quote random replace round rtrim sign soundex substr substring trim typeof unicode
unlikely upper sqlite_version
acos acosh asin asinh atan atan2 atanh ceil ceiling cos cosh degrees exp floor ln log log10 log2 mod pi pow power
radians sin sinh sqrt tan tanh trunc
current_date current_time current_timestamp date datetime julianday strftime time timediff unixepoch
avg count cume_dist dense_rank first_value group_concat lag last_value lead median nth_value ntile percent_rank
percentile percentile_cont percentile_disc rank row_number string_agg sum total
json json_array json_array_length json_each json_error_position json_extract json_group_array json_group_object
json_insert json_object json_patch json_pretty json_quote json_remove json_replace json_set json_tree json_type
json_valid
"""
FUNCTIONS = frozenset(_HARMLESS.split())
_CODES = {
    getattr(sqlite3, f"SQLITE_{name}"): name.replace("_", " ")
    for name in (
        *("DELETE", "INSERT", "UPDATE", "ALTER_TABLE", "ANALYZE", "ATTACH", "DETACH", "REINDEX", "SAVEPOINT"),
        *("CREATE_INDEX", "CREATE_TABLE", "CREATE_TRIGGER", "CREATE_VIEW", "CREATE_VTABLE"),
        *("DROP_INDEX", "DROP_TABLE", "DROP_TRIGGER", "DROP_VIEW", "DROP_VTABLE"),
    )
}


class Guard:
    """Lets one statement read, and remembers what it wanted besides: `denied`, empty where that was nothing."""

    def __init__(self) -> None:
        self.denied = ""

    def __call__(
        self, action: int, first: str | None, second: str | None, _database: str | None, _by: str | None
    ) -> int:
        """SQLite's question about each thing that a statement would do (https://sqlite.org/c3ref/c_alter_table.html)."""
        first, second = first or "", second or ""
        if _reads(action, first, second):
            return sqlite3.SQLITE_OK
        self.denied = self.denied or _in_words(action, first, second)
        return sqlite3.SQLITE_DENY


def _reads(action: int, first: str, second: str) -> bool:
    match action:
        case sqlite3.SQLITE_SELECT | sqlite3.SQLITE_READ | sqlite3.SQLITE_RECURSIVE:
            return True
        case sqlite3.SQLITE_FUNCTION:
            return second.lower() in FUNCTIONS
        case sqlite3.SQLITE_PRAGMA:
            return first.lower() in PRAGMAS
    return False


def _in_words(action: int, first: str, second: str) -> str:
    match action:
        case sqlite3.SQLITE_FUNCTION:
            return f"the function {second}"
        case sqlite3.SQLITE_PRAGMA:
            return f"PRAGMA {first}"
        case sqlite3.SQLITE_TRANSACTION:
            return first
        case sqlite3.SQLITE_ATTACH:
            return "ATTACH and VACUUM"  # which SQLite does by attaching a file
        case sqlite3.SQLITE_INSERT | sqlite3.SQLITE_UPDATE | sqlite3.SQLITE_DELETE:
            return "a change of the schema" if first.startswith("sqlite_") else f"{_CODES[action]} on {first}"
    return _CODES.get(action, "what it asks for")
