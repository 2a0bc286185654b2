"""Imported once, by the process that commands are forked from."""

from tests.support.forked import make_ready

make_ready()
