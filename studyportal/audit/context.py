"""Who acts, and why: what the trail writes beside each change.

The values live in a context variable and are sent to the database at the start of every transaction (by the backend in
`studyportal.audit.postgresql`) as transaction-local settings, so a pooled connection cannot carry them to anybody else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from django.db import connection


@dataclass(frozen=True, slots=True)
class Acting:
    """Who writes, for which request, and the reason where one is needed."""

    actor: str = ""
    request_id: str = ""
    reason_code: str = ""
    reason: str = ""


NOBODY = Acting()
_current: ContextVar[Acting] = ContextVar("acting", default=NOBODY)

SEND = (
    "SELECT set_config('portal.actor', %s, true), set_config('portal.request_id', %s, true), "
    "set_config('portal.reason_code', %s, true), set_config('portal.reason', %s, true)"
)


def current() -> Acting:
    """Return who acts now."""
    return _current.get()


def parameters(acting_now: Acting) -> tuple[str, str, str, str]:
    """Return the parameters of `SEND`."""
    return (acting_now.actor, acting_now.request_id, acting_now.reason_code, acting_now.reason)


@contextmanager
def acting(actor: str, *, request_id: str = "") -> Iterator[None]:
    """Write as `actor` inside the block: `user:<name>`, `system:<task>:<job>` or `migration:<name>`."""
    with _switched(Acting(actor=actor, request_id=request_id)):
        yield


@contextmanager
def because(code: str, text: str) -> Iterator[None]:
    """Give the reason that a change of a signed record needs, inside the block."""
    with _switched(replace(_current.get(), reason_code=code, reason=text)):
        yield


@contextmanager
def _switched(to: Acting) -> Iterator[None]:
    token = _current.set(to)
    _tell_open_transaction()
    try:
        yield
    finally:
        _current.reset(token)
        _tell_open_transaction()


def _tell_open_transaction() -> None:
    """Bring an already open transaction up to date; a broken or closed one needs nothing."""
    if connection.connection is not None and connection.in_atomic_block and not connection.needs_rollback:
        connection.send_acting()  # type: ignore[attr-defined]  # our own backend
