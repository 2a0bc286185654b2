"""Migrations run on SQLite and on PostgreSQL."""

from tests.support.databases import *  # noqa: F403  fixtures
