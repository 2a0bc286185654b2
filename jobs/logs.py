"""Logs are events on stderr, one line each, for whoever asked for them."""

import logging
import sys


def configure(level: str) -> None:
    """Log `level` and above to stderr: structlog's events and the standard library's alike."""
    import structlog

    number = configure_plain(level)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def configure_plain(level: str) -> int:
    """The same for a command that has no events to log, and answers sooner without structlog. The level's number."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(level=number, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s", force=True)
    return number
