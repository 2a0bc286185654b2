"""The command line: arguments become one request, one call, one rendering. Nothing heavy is imported before a command
runs.
"""

import signal
import sys
from typing import NoReturn

from jobs.errors import ExitCode


def main() -> NoReturn:
    """The `moodreel` program."""
    from jobs.cli.app import app
    from jobs.cli.output import explain

    signal.signal(signal.SIGINT, _interrupted)
    try:
        app(prog_name="moodreel")
    except Exception as error:
        # The outermost edge: what has words for people is said in them, anything else keeps its traceback.
        code = explain(error)
        if code is None:
            raise
        sys.exit(code)
    sys.exit(ExitCode.OK)


def _interrupted(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(ExitCode.INTERRUPTED)
