"""What a person could observe of one request, channel by channel, as bytes: nothing is normalised."""

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core import mail
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from redis import Redis

from tests.factories.worlds import seeded

CHANNELS = ("status", "headers", "cookies", "body", "sql", "logs", "mail", "broker", "files", "tables", "cache")
# How many rows were written into each table in this transaction, whatever was taken back since.
WRITTEN = """
SELECT schemaname || '.' || relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_xact_user_tables
WHERE n_tup_ins + n_tup_upd + n_tup_del > 0
"""
TRAIL = "audit.blinded_change"
NOT_COMPARED = frozenset({"public.django_session"})
READABLE = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v') AND n.nspname IN ('public', 'alloc', 'audit', 'jobs', 'pii')
  AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: who, how, what."""

    role: str
    method: str
    path: str
    data: str = ""
    content_type: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    route: str = ""

    @property
    def label(self) -> str:
        """Name of the request, which its randomness follows from."""
        return f"{self.role} {self.method} {self.path} {self.data} {self.headers}"


Seen = dict[str, bytes]


class Lines(logging.Handler):
    """Keeps every record with its arguments and extras, not only what the formatter lets through."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record."""
        plain = {k: v for k, v in vars(record).items() if k not in VARYING and not hasattr(v, "META")}
        error = repr(record.exc_info[1]) if record.exc_info else ""
        self.lines.append(f"{record.levelname} {record.name} {record.getMessage()} {plain!r} {error}")


# Where a record was made (process, thread, its relative time) is the harness's own, not the portal's.
VARYING = frozenset({
    "args", "created", "msecs", "relativeCreated", "process", "processName", "thread", "threadName", "taskName",
    "exc_info", "exc_text", "stack_info", "request", "server_time",
})  # fmt: skip


class Observer:
    """Sends requests as one world's people and notes what they could see."""

    def __init__(self, files: Path, server: Redis) -> None:
        self.files, self.server, self.lines = files, server, Lines()
        self.kept = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in self._stored()}
        self.clients: dict[str, Client] = {}
        self.statements: list[str] = []
        self.readable: list[str] = []
        self.written: dict[str, int] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Listen to logs and statements."""
        root = logging.getLogger()
        before, root.handlers = root.handlers, [self.lines]
        self.written = self._written()  # signing in has written already
        try:
            with connection.execute_wrapper(self._note):
                yield
        finally:
            root.handlers = before

    def _note(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.statements.append(f"{sql} {params!r}")
        return execute(sql, params, many, context)

    def client(self, ask: Ask) -> Client:
        """Return the client of a person; a token is shown by somebody who is not signed in."""
        return self.clients["anonymous" if any("AUTHORIZATION" in name for name, _ in ask.headers) else ask.role]

    def see(self, ask: Ask) -> Seen:
        """Send one request, note all channels, and take everything back that it wrote."""
        self.lines.lines, self.statements = [], []
        mail.outbox = []
        connection.savepoint_state, connection._named_cursor_idx = 100, 0
        cookies = self.client(ask).cookies.copy()
        with seeded(ask.label), transaction.atomic():
            start = len(connection.run_on_commit)
            response = self.send(ask)
            body = b"".join(response.streaming_content) if response.streaming else response.content
            hooks = [hook for _, hook, _ in connection.run_on_commit[start:]]
            connection.run_on_commit = connection.run_on_commit[:start]
            for hook in hooks:
                hook()
            statements = [*self.statements]
            wrote = any(self._writes(statement) for statement in statements)
            seen = {
                "status": str(response.status_code).encode(),
                "headers": repr(list(response.headers.items())).encode(),
                "cookies": response.cookies.output().encode(),
                "body": body,
                "sql": "\n".join(statements).encode(),
                "logs": "\n".join(self.lines.lines).encode(),
                "mail": "\n".join(self._mails()).encode(),
                "broker": self._broker(),
                "files": self._files() if wrote else b"",
                "tables": self.changed_tables() if wrote else b"",
                "cache": self._cached(),
            }
            transaction.set_rollback(True)
        self.take_back_files()
        self.client(ask).cookies = cookies
        return seen

    def send(self, ask: Ask) -> Any:
        """Send a request as its person would."""
        extra = dict(ask.headers)
        content_type = ask.content_type or "application/x-www-form-urlencoded"
        if ask.method in {"GET", "HEAD"}:
            return self.client(ask).generic(ask.method, ask.path, **extra)
        return self.client(ask).generic(
            ask.method, ask.path, ask.data.encode("latin-1"), content_type=content_type, **extra
        )

    @staticmethod
    def _writes(statement: str) -> bool:
        verb = statement.lstrip().split(" ", 1)[0].upper()
        return (verb in {"INSERT", "UPDATE", "DELETE"} or "alloc." in statement) and "django_session" not in statement

    @staticmethod
    def _mails() -> Iterator[str]:
        for message in mail.outbox:
            said = (message.subject, message.body, message.from_email, message.recipients(), message.extra_headers)
            yield repr((*said, message.attachments))

    def _broker(self) -> bytes:
        """Return and remove what was published, as it lies in the broker."""
        names = sorted(self.server.keys("*"))
        if not names:
            return b""
        out = [(name, self.server.lrange(name, 0, -1) if self.server.type(name) == b"list" else b"") for name in names]
        self.server.flushdb()
        return repr(out).encode()

    def _stored(self) -> list[Path]:
        return sorted(path for path in self.files.rglob("*") if path.is_file())

    def _files(self) -> bytes:
        return "\n".join(
            f"{path.relative_to(self.files)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in self._stored()
        ).encode()

    def take_back_files(self) -> None:
        """Let the store be what it was: what a request wrote must not show in the next, which may be asked alone."""
        for path in self._stored():
            if path not in self.kept or path.stat().st_mtime_ns != self.kept[path][1]:
                path.unlink()
        for path, (content, _) in self.kept.items():
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                self.kept[path] = (content, path.stat().st_mtime_ns)

    @staticmethod
    def _cached() -> bytes:
        """Return and remove what the request left in the cache that all requests of a process share."""
        kept = sorted(cache._cache.items())
        cache.clear()
        return repr(kept).encode() if kept else b""

    def tables(self) -> bytes:
        """Return a digest of each table that the present login can read, whatever way its rows lie."""
        return self._digests([name for name in self._readable() if name not in NOT_COMPARED])

    def changed_tables(self) -> bytes:
        """Return a digest of each readable table into which this request wrote, and of the trail.

        What no request wrote into is as it was when the crawl began; that was compared whole (`comparison`).
        """
        now = self._written()
        changed = {name for name, rows in now.items() if rows != self.written.get(name)}
        self.written = now
        return self._digests([
            name for name in self._readable() if (name in changed or name == TRAIL) and name not in NOT_COMPARED
        ])  # fmt: skip

    @staticmethod
    def _written() -> dict[str, int]:
        with connection.cursor() as cursor:
            cursor.execute(WRITTEN)
            return dict(cursor.fetchall())

    def _readable(self) -> list[str]:
        if not self.readable:
            with connection.cursor() as cursor:
                cursor.execute(READABLE)
                self.readable = [name for (name,) in cursor.fetchall()]
        return self.readable

    def _digests(self, names: list[str]) -> bytes:
        if not names:
            return b"[]"
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(self._digest(name) for name in names))
            return json.dumps(sorted(cursor.fetchall())).encode()

    @staticmethod
    def _digest(name: str) -> str:
        """Return the SQL of a table's digest; the order of writing shows in the SQL channel."""
        return f"SELECT '{name}', count(*), md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {name} t"
