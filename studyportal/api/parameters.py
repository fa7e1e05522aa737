"""Query parameters: each known by name, or refused with a sentence; nothing is ignored."""

import base64
import binascii
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from studyportal.api.tables import RUN, Found, Table, comparable, value
from studyportal.reports.parts import Part, Parts

DEFAULT_LIMIT = 500
LONGEST_PAGE = 5000


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page of JSON begins (after the row of this key) and how many rows it has at most."""

    after: tuple[Any, ...] | None
    limit: int


def known(parameters: QueryDict, allowed: Collection[str]) -> None:
    """Refuse parameters that nothing reads.

    Raises:
        ValidationError: names each unknown parameter and lists the known ones.
    """
    if unknown := sorted(set(parameters) - set(allowed)):
        said = f"Unknown parameter. Known ones: {', '.join(sorted(allowed))}."
        raise ValidationError({name: [said] for name in unknown})


def filtered(table: Table, found: Found, parameters: QueryDict) -> Found:
    """Return the rows that match every filter; a filter given twice matches either value."""
    if isinstance(found, Parts):
        return replace(found, parts=_filtered(table, found.parts, parameters))
    return _filtered(table, found, parameters)


def _filtered(table: Table, found: Sequence[Any], parameters: QueryDict) -> Sequence[Any]:  # Any: rows or parts
    for name in table.filters:
        wanted = parameters.getlist(name)
        if not wanted:
            continue
        values = {_whole(name, text) for text in wanted} if name in {"period", "session"} else set(wanted)
        found = [row for row in found if value(row, name) in values]
    return found


def counted(found: Found) -> int:
    """Return how many rows there are on all pages."""
    return sum(part.count for part in found.parts) if isinstance(found, Parts) else len(found)


def page(parameters: QueryDict) -> Page:
    """Read `limit` and `cursor`."""
    limit = _whole("limit", parameters.get("limit", str(DEFAULT_LIMIT)))
    if not 1 <= limit <= LONGEST_PAGE:
        raise ValidationError({"limit": [f"Give a whole number from 1 to {LONGEST_PAGE}."]})
    return Page(after=_after(parameters.get("cursor")), limit=limit)


def paged(table: Table, found: Found, where: Page) -> tuple[list[Any], str | None]:  # Any: rows of any class
    """Return the rows of a page and the cursor of the next one; rows added meanwhile shift nothing."""
    try:
        rows, is_all = _from_cursor(table, found, where)
    except TypeError:
        raise ValidationError({"cursor": [BAD_CURSOR]}) from None
    shown = rows[: where.limit]
    return shown, _cursor(table, shown[-1]) if len(rows) > len(shown) or not is_all else None


def _from_cursor(table: Table, found: Found, where: Page) -> tuple[list[Any], bool]:  # Any: rows of any class
    """Return the rows after the cursor, of a long table those of the runs that a page needs; and whether none lacks."""
    is_all = True
    if isinstance(found, Parts):
        parts = table.ordered_parts(found.parts)
        chosen = _needed(parts, where)
        is_all = not parts or chosen[-1:] == parts[-1:]
        found = found.load(chosen)
    rows = table.ordered(found)
    if where.after is not None:
        begin = tuple(comparable(part) for part in where.after)
        rows = [row for row in rows if table.sort_key(row) > begin]
    return rows, is_all


def _needed(parts: list[Part], where: Page) -> list[Part]:
    """Return the parts from that of the cursor on which hold a page; of the cursor's own perhaps nothing is left."""
    chosen: list[Part] = []
    expected = 0
    begin = tuple(comparable(part) for part in (where.after or ())[: len(RUN)])
    for part in parts:
        own = tuple(comparable(value(part, name)) for name in RUN)
        if own < begin:
            continue
        chosen.append(part)
        expected += 0 if own == begin else part.count
        if expected >= where.limit:
            break
    return chosen


BAD_CURSOR = "Take the cursor from the `next` link of the page before, of this table."


def _cursor(table: Table, row: Any) -> str:  # Any: a row of any class
    values = [cell if isinstance(cell := value(row, name), int | None) else str(cell) for name in table.key]
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode()


def _after(cursor: str | None) -> tuple[Any, ...] | None:
    if cursor is None:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor))
    except (binascii.Error, ValueError):
        values = None
    if not isinstance(values, list):
        raise ValidationError({"cursor": [BAD_CURSOR]})
    return tuple(values)


def _whole(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise ValidationError({name: ["Give a whole number."]})
    return int(text)
