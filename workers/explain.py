"""What a child says of an exception over an item: one Problem, in words that can travel."""

import logging
from collections.abc import Iterator
from dataclasses import replace

from db.records import Problem
from workers.channel import MessageTooLarge
from workers.errors import WorkError
from workers.failures import REPORT_HINT

log = logging.getLogger(__name__)

_MEMORY_WORDS = (
    "bad_alloc",
    "bad allocation",
    "Failed to allocate memory",
    "Insufficient memory",
    "Cannot allocate",
    "Out of memory",
    "Memory allocation error: Unspecified",  # any other of libheif's is a limit that a file's claims exceed
)
"""How libraries say it whose exceptions are no MemoryError: ONNX Runtime, OpenCV, libavcodec, the system, libavif,
libheif.
"""


def problem_of(error: Exception) -> Problem:
    """The problem that `error` is for the item in hand. What nobody foresaw is logged with its traceback."""
    if any(_is_want_of_memory(one) for one in _causes(error)):
        return out_of_memory()
    if isinstance(error, WorkError):
        return _fit_to_travel(error.problem)
    if isinstance(error, MessageTooLarge):
        return Problem("child.result_size", f"its result is too large: {error}", "ask for fewer frames (`--every`)")
    log.error("action=item-failed", exc_info=error)
    return _fit_to_travel(
        Problem("child.error", f"unexpected {type(error).__name__}: {error}", REPORT_HINT, permanent=False)
    )


def out_of_memory() -> Problem:
    """An item that needs more than a child may hold."""
    return Problem(
        "child.memory",
        "analysing it needed more memory than a child may use",
        "raise MOODREEL_CHILD_MEMORY_MB and `moodreel retry`",
        permanent=False,
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _is_want_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or any(words in str(error) for words in _MEMORY_WORDS)


def _fit_to_travel(problem: Problem) -> Problem:
    """Names of files need not be UTF-8 and may be in any text; messages take nothing else, and PostgreSQL no NUL."""
    reason, hint = (_clean(text) for text in (problem.reason, problem.hint))
    return replace(problem, reason=reason, hint=hint)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "?")
