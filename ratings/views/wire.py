"""What browsers send about a draft, as changes: the JSON of autosave, and the plain form without JavaScript."""

import datetime
import hashlib
import json
import re
from collections.abc import Mapping

from django.utils.dateparse import parse_datetime

from ratings import scoring
from ratings.answers import BLANK, FIELDS, Answer
from ratings.services.drafts import Change
from studyportal.errors import InvalidInput

MOST_CHANGES = 200
VERSION = re.compile(r'"v([0-9]{1,9})"')
CLIENT = re.compile(r"[A-Za-z0-9.-]{1,36}")
UNREADABLE = "The page sent something that cannot be read. Nothing was saved; reload the page."


def known_version(header: str) -> int | None:
    """Return the version of an If-Match header such as "v17", or None when it is something else."""
    found = VERSION.fullmatch(header.strip())
    return int(found[1]) if found else None


def changes_from_json(body: bytes) -> tuple[str, list[Change]]:
    """Return the client's name and its changes.

    Raises:
        InvalidInput: no JSON of the expected shape; `fields` names the item where one is to blame.
    """
    try:
        said = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise InvalidInput(UNREADABLE, code="unreadable") from None
    client, changes = (said.get("client"), said.get("changes")) if isinstance(said, dict) else (None, None)
    if not isinstance(client, str) or not CLIENT.fullmatch(client) or not isinstance(changes, list):
        raise InvalidInput(UNREADABLE, code="unreadable")
    if not 1 <= len(changes) <= MOST_CHANGES:
        msg = f"A save holds 1 to {MOST_CHANGES} changes."
        raise InvalidInput(msg, code="unreadable")
    return client, [_change(change) for change in changes]


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _change(said: object) -> Change:
    if not isinstance(said, dict) or not all(_whole(said.get(key)) for key in ("seq", "item")):
        raise InvalidInput(UNREADABLE, code="unreadable")
    item, name, value, at = said["item"], said.get("field"), said.get("value", ""), said.get("at")
    if not isinstance(name, str):
        raise InvalidInput(UNREADABLE, code="unreadable")
    if _whole(value):
        value = str(value)
    if value is None:
        value = ""
    if not isinstance(value, str):
        message = f"A score is a whole number from 0 to 6, not {json.dumps(value)[:12]}."
        raise InvalidInput("Some answers need another look.", fields={f"item_{item}": message})
    return Change(seq=said["seq"], item=item, field=name, value=value, at=_moment(at))


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


def _moment(said: object) -> datetime.datetime | None:
    """Return the browser's time of a change; it only helps quality control, so a bad one is left out."""
    try:
        moment = parse_datetime(said) if isinstance(said, str) else None
        return moment.astimezone(datetime.UTC) if moment is not None and moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def posted_version(post: Mapping[str, str], newest: int) -> int:
    """Return the version that a posted page showed.

    Raises:
        InvalidInput: it names none, or one that does not exist.
    """
    said = post.get("version", "")
    version = int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0
    if not 1 <= version <= newest:
        raise InvalidInput("This page is out of date. Reload it, then enter what is missing.", code="version")
    return version


def edited_texts(post: Mapping[str, str], shown: Mapping[int, Answer]) -> dict[int, dict[str, str]]:
    """Return, by item and field, what a plain form holds where it differs from the answers that the page showed.

    An item of which nothing was sent is as it was.
    """
    edited = {}
    for item in scoring.ITEMS:
        names = {field: f"item{item}_{field}" for field in FIELDS}
        if not any(name in post for name in names.values()):
            continue
        texts = {field: post.get(name, "").replace("\r\n", "\n") for field, name in names.items()}
        before = texts_of(shown.get(item, BLANK))
        if texts["value"] and texts["missing_reason"] and not (before["value"] and before["missing_reason"]):
            # Without JavaScript a radio cannot be unset, so a new reason takes the old score's place, and a new score
            # the old reason's.
            stale = next((f for f in ("value", "missing_reason") if texts[f] == before[f]), None)
            texts |= {stale: ""} if stale else {}
        if texts != before:
            edited[item] = texts
    return edited


def changes_from_form(
    post: Mapping[str, str], shown: Mapping[int, Answer], edited: Mapping[int, Mapping[str, str]]
) -> tuple[str, list[Change]]:
    """Return the client's name and its changes.

    The name holds a digest of the changes: the same form sent twice is one save, an edited one is another.

    Raises:
        InvalidInput: an item has both a new score and a new reason for its absence.
    """
    steps: list[tuple[int, str, str]] = []
    both = {}
    for item, texts in edited.items():
        if texts["value"] and texts["missing_reason"]:
            both[f"item_{item}"] = f"Item {item} has a score and a reason why it was not assessed. Keep one."
        before = texts_of(shown.get(item, BLANK))
        # Cleared fields first: setting a score or a reason clears the other by itself.
        changed = sorted((field for field in FIELDS if texts[field] != before[field]), key=lambda f: bool(texts[f]))
        steps += [(item, field, texts[field]) for field in changed]
    if both:
        raise InvalidInput("Some answers need another look.", fields=both)
    name = hashlib.sha256(f"{post.get('client', '')[:36]} {steps!r}".encode(errors="replace")).hexdigest()[:31]
    return f"form-{name}", [Change(seq, *step) for seq, step in enumerate(steps, 1)]


def texts_of(answer: Answer) -> dict[str, str]:
    """Return an answer as the texts of the form's controls."""
    value = "" if answer.value is None else str(answer.value)
    return {"value": value, "missing_reason": answer.missing_reason, "note": answer.note}
