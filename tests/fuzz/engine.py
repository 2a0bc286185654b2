"""The process that fuzzes: libFuzzer calls a target again and again, led by what of our Python it reached.

Started by `tests.fuzz`: `python -m tests.fuzz.engine TARGET` and options of libFuzzer's own.
"""

import sys

import atheris

with atheris.instrument_imports(include=["workers.video", "workers.sampling", "PIL"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until libFuzzer ends the process: a finding is left as a file, and told by the exit code."""
    name = sys.argv.pop(1)
    _quiet()
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()


def _quiet() -> None:
    import warnings

    import av

    av.logging.set_level(None)
    warnings.simplefilter("ignore")


if __name__ == "__main__":
    main()
