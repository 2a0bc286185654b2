"""Run by Alembic: applies the migrations on the connection that `db.migrate` hands over."""

from alembic import context

from db.schema import metadata


def run() -> None:
    """Apply migrations within the caller's transaction."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        render_as_batch=True,
        transactional_ddl=False,
        compare_type=True,
    )
    context.run_migrations()


run()
