"""Login roles and the database, made by the administrator before the first migrate.

The same function serves the embedded portal, the tests and `docker-compose.yml` (command `provision`).
"""

from collections.abc import Callable
from contextlib import suppress

import psycopg
from psycopg import sql

LOGINS = ("portal_owner", "portal_web", "portal_worker", "portal_vault", "portal_readonly")


# What PostgreSQL lets everybody run and the portal has no use for: large objects would be a store beside the trail, a
# message a channel beside it.
USELESS = """
DO $$
DECLARE
    found regprocedure;
BEGIN
    FOR found IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
          AND (proname LIKE 'lo\\_%' OR proname IN ('loread', 'lowrite', 'pg_notify', 'pg_logical_emit_message'))
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', found);
    END LOOP;
END $$
"""


def provision(dsn: str, database: str, password_of: Callable[[str], str]) -> None:
    """Create what is missing: five logins without any special power, and the database owned by `portal_owner`."""
    with psycopg.connect(dsn, autocommit=True) as admin:
        for login in LOGINS:
            exists = admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [login]).fetchone()
            verb = "ALTER" if exists else "CREATE"
            admin.execute(
                sql.SQL(verb + " ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS PASSWORD {}").format(
                    sql.Identifier(login), sql.Literal(password_of(f"{login}_password"))
                )
            )
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            admin.execute(sql.SQL("CREATE DATABASE {} OWNER portal_owner").format(sql.Identifier(database)))
        admin.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database)))
        for login in LOGINS:
            admin.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(database), sql.Identifier(login))
            )
    # A hosted server's administrator may not own the server's own functions: then they stay as they are.
    with (
        suppress(psycopg.errors.InsufficientPrivilege),
        psycopg.connect(dsn, dbname=database, autocommit=True) as inside,
    ):
        inside.execute(USELESS)
