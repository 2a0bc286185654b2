"""The command line: arguments become one request, one call, one rendering. Nothing heavy is imported before a command
runs.
"""

import os
import signal
import sys
from typing import NoReturn

from jobs.errors import ExitCode


def main() -> NoReturn:
    """The `moodreel` program."""
    from jobs.cli.output import explain
    from jobs.streams import lost_output, prepare

    signal.signal(signal.SIGINT, _interrupted)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy starts its threads on import, and nothing here needs any
    prepare()
    code = _command()
    lost = lost_output()
    sys.exit(code if lost is None else explain(lost))


def _command() -> int:
    """Run the command; its exit code. What has words for people is said in them, anything else keeps its traceback."""
    from jobs.cli.app import app
    from jobs.cli.output import explain
    from jobs.streams import lost_output

    try:
        app(prog_name="moodreel")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.OK
    except Exception as error:
        code = explain(lost_output() or error)
        if code is None:
            raise
        return code
    return ExitCode.OK


def _interrupted(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(ExitCode.INTERRUPTED)
