"""`python -m jobs` is `moodreel`."""

from jobs.cli import main

main()
