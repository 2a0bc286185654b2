"""What can go wrong with the database, as one tree; drivers' exceptions stop here.

StoreError                      anything below
├─ DatabaseUnavailable          cannot be reached or opened now; trying again may help
│  ├─ DatabaseLocked            another program holds the SQLite file
│  └─ DatabaseFull              no space left on its disk
├─ DatabaseUnusable             will not work however often it is tried
│  ├─ DatabaseMissing            there is none, and nobody said to make one
│  ├─ NotADatabase              the file is something else, or another program's database
│  ├─ DatabaseTooNew            written by a newer Moodreel
│  └─ DatabaseTooOld            needs `moodreel db upgrade`
├─ NotFound                     no job, media or path of that name
├─ Ambiguous                    a name or suffix that fits several
└─ QueryRefused                 a statement that is not a plain read, or is wrong, or took too long
"""


class StoreError(Exception):
    """A database problem in words for people: what and why, and `hint`, the next thing to do."""

    retryable = False

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class DatabaseUnavailable(StoreError):
    """The database cannot be reached or written now."""

    retryable = True


class DatabaseLocked(DatabaseUnavailable):
    """Another program holds the SQLite file for longer than we wait."""


class DatabaseFull(DatabaseUnavailable):
    """The disk under the database is full."""


class DatabaseUnusable(StoreError):
    """The database will not work however often it is tried."""


class DatabaseMissing(DatabaseUnusable):
    """There is none, and nobody said to make one."""


class NotADatabase(DatabaseUnusable):
    """The file is not an SQLite database, or belongs to another program."""


class DatabaseTooNew(DatabaseUnusable):
    """A newer Moodreel wrote it."""


class DatabaseTooOld(DatabaseUnusable):
    """An older Moodreel wrote it."""


class NotFound(StoreError):
    """Nothing in the database goes by that name."""


class Ambiguous(StoreError):
    """A name or suffix that fits more than one thing."""


class QueryRefused(StoreError):
    """The statement is not a plain read, is wrong, or took too long."""
