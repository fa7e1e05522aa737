"""A request looked at without the harness: what anybody with the answer, the logs or the mailbox in hand would find.

The harness says only that bytes differ. Here one thing is read, by other means than the harness's channels, to show
that a planted leak is a leak: the very words, order or number that tell one world from the other.
"""

import json
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core import mail
from django.core.cache import cache
from django.db import connection, transaction

from tests.blinding.observation import Ask, Observer
from tests.factories.worlds import seeded


class Plain:
    """One answer and what happened around it; readable until the request's writes are taken back."""

    def __init__(self, response: Any, statements: list[str], records: list[logging.LogRecord], files: set[str]) -> None:
        self.response, self.statements, self.records, self.files = response, statements, records, files
        self.content: bytes = b"".join(response.streaming_content) if response.streaming else response.content
        self.mails = list(mail.outbox)
        self.published: list[dict[str, Any]] = []

    @property
    def text(self) -> str:
        """The answer's text."""
        return self.content.decode("latin-1")

    @property
    def json(self) -> Any:
        """The answer's JSON."""
        return json.loads(self.content)

    def header(self, name: str) -> str | None:
        """A header's value."""
        return self.response.headers.get(name)

    def found(self, pattern: str) -> list[str]:
        """Every place of the text that matches, in order."""
        return re.findall(pattern, self.text)

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows as they lie after the request."""
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()

    def logged(self, logger: str) -> list[logging.LogRecord]:
        """What one logger said."""
        return [record for record in self.records if record.name == logger]

    @property
    def cached(self) -> list[str]:
        """Names of what lies in the shared cache."""
        return sorted(key.split(":", 2)[-1] for key in list(cache._cache))


class _Keeping(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


def look(observer: Observer, ask: Ask, shows: Callable[[Plain], object]) -> object:
    """Send a request and return what `shows` reads of it; everything it wrote is taken back."""
    statements: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(f"{sql} {params!r}")
        return execute(sql, params, many, context)

    mail.outbox = []
    with _listening() as records, _files_of(observer), seeded(ask.label), transaction.atomic():
        before, start = _names(observer.files), len(connection.run_on_commit)
        with connection.execute_wrapper(note):
            response = observer.send(ask)
        hooks = [hook for _, hook, _ in connection.run_on_commit[start:]]
        connection.run_on_commit = connection.run_on_commit[:start]
        for hook in hooks:
            hook()
        plain = Plain(response, statements, records, _names(observer.files) - before)
        plain.published = _published(observer)
        try:
            return shows(plain)
        finally:
            transaction.set_rollback(True)
            cache.clear()


@contextmanager
def _listening() -> Iterator[list[logging.LogRecord]]:
    root, keeping = logging.getLogger(), _Keeping()
    root.addHandler(keeping)
    try:
        yield keeping.records
    finally:
        root.removeHandler(keeping)


@contextmanager
def _files_of(observer: Observer) -> Iterator[None]:
    """Take back what the request stored, and the sign-in that it changed."""
    cookies = {person: client.cookies.copy() for person, client in observer.clients.items()}
    try:
        yield
    finally:
        observer.take_back_files()
        for person, kept in cookies.items():
            observer.clients[person].cookies = kept


def _names(files: Path) -> set[str]:
    return {path.name for path in files.rglob("*") if path.is_file()}


def _published(observer: Observer) -> list[dict[str, Any]]:
    """Take what was published off the broker's lists, as a worker would."""
    taken = []
    for name in observer.server.keys("*"):
        if observer.server.type(name) == b"list":
            while (message := observer.server.lpop(name)) is not None:
                taken.append({"queue": name.decode(), **json.loads(message)})
    observer.server.flushdb()
    return taken
