"""The portal's clock: aware UTC, and movable only while a SYNTHETIC study is being made.

Services take the time from here. The audit trail does not: its times come from the database's own clock, so that a
synthetic history is recognisable as one.
"""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from zoneinfo import ZoneInfo

_moved: ContextVar[datetime.datetime | None] = ContextVar("moved_clock", default=None)


def now() -> datetime.datetime:
    """Return the present moment in UTC."""
    return _moved.get() or datetime.datetime.now(datetime.UTC)


def local(moment: datetime.datetime, zone: str) -> datetime.datetime:
    """Return a moment as the clocks of `zone` show it."""
    return moment.astimezone(ZoneInfo(zone))


def today(zone: str) -> datetime.date:
    """Return the calendar day of now in `zone`."""
    return local(now(), zone).date()


@contextmanager
def at(moment: datetime.datetime) -> Iterator[None]:
    """Let `now` return `moment` inside the block.

    For the generator of SYNTHETIC studies only; an architecture test holds everybody else to that.
    """
    token = _moved.set(moment.astimezone(datetime.UTC))
    try:
        yield
    finally:
        _moved.reset(token)
