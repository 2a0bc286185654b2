"""How the commands of training end: an error says what is wrong and what to do, on standard error, with code 2."""

import logging
import sys
from collections.abc import Callable

import structlog

from workers.errors import SettingsError


def run(main: Callable[[], int]) -> None:
    """Leave the program as `main` says."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        code = main()
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        print(f"hint: {error.hint}", file=sys.stderr)
        code = 2
    sys.exit(code)
