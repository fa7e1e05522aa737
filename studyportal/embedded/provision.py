"""Login roles and the database, made by the administrator before the first migrate.

The same function serves the embedded portal, the tests and `docker-compose.yml` (command `provision`).
"""

from collections.abc import Callable

import psycopg
from psycopg import sql

LOGINS = ("portal_owner", "portal_web", "portal_worker", "portal_vault", "portal_readonly")


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
