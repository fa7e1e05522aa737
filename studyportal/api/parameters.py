"""Query parameters: each known by name, or refused with a sentence; nothing is ignored."""

import base64
import binascii
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from rest_framework.exceptions import ValidationError

from studyportal.api.tables import Table, comparable, value

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


def filtered(table: Table, found: list[Any], parameters: QueryDict) -> list[Any]:  # Any: rows of any class
    """Return the rows that match every filter; a filter given twice matches either value."""
    for name in table.filters:
        wanted = parameters.getlist(name)
        if not wanted:
            continue
        values = {_whole(name, text) for text in wanted} if name in {"period", "session"} else set(wanted)
        found = [row for row in found if value(row, name) in values]
    return found


def page(parameters: QueryDict) -> Page:
    """Read `limit` and `cursor`."""
    limit = _whole("limit", parameters.get("limit", str(DEFAULT_LIMIT)))
    if not 1 <= limit <= LONGEST_PAGE:
        raise ValidationError({"limit": [f"Give a whole number from 1 to {LONGEST_PAGE}."]})
    return Page(after=_after(parameters.get("cursor")), limit=limit)


def paged(table: Table, found: list[Any], where: Page) -> tuple[list[Any], str | None]:  # Any: rows of any class
    """Return the rows of a page and the cursor of the next one; rows added meanwhile shift nothing."""
    if where.after is not None:
        begin = tuple(comparable(part) for part in where.after)
        try:
            found = [row for row in found if table.sort_key(row) > begin]
        except TypeError:
            raise ValidationError({"cursor": [BAD_CURSOR]}) from None
    shown = found[: where.limit]
    return shown, _cursor(table, shown[-1]) if len(found) > len(shown) else None


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
