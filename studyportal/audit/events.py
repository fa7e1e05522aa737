"""Named workflow events, and the one that is committed before a secret is shown."""

import json
from collections.abc import Mapping

import psycopg
from django.db import connection

from studyportal.audit.context import SEND, current, parameters

NOTE = "SELECT audit.note(%s, %s, %s, %s::jsonb)"


def record(name: str, *, study: str, target: str, data: Mapping[str, object] | None = None) -> None:
    """Write a named event in the present transaction; it stands or falls with the act itself."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE, [name, study, target, json.dumps(data or {})])


def record_now(name: str, *, study: str, target: str, data: Mapping[str, object] | None = None) -> None:
    """Commit a named event on a connection of its own, before the caller may show what it announces.

    A reveal that fails afterwards leaves the announcement: too much in the trail, never too little.
    """
    arguments = connection.get_connection_params()
    arguments.pop("cursor_factory", None)
    arguments.pop("context", None)
    with psycopg.connect(**arguments) as own:
        own.execute(SEND, parameters(current()))
        own.execute(NOTE, [name, study, target, json.dumps(data or {})])
