"""Instrument packs: loaded by an administrator, checked, hashed, never changed."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from django.db import transaction

from ratings import scoring
from ratings.models import InstrumentPack
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.errors import InvalidInput, InvalidState
from studyportal.studies.models import Study

PLACEHOLDER = Path(__file__).resolve().parent.parent / "packs" / "madrs_placeholder.json"


@transaction.atomic
def load_pack(*, study: Study, document: Mapping[str, object], by: User | None) -> InstrumentPack:
    """Store a pack and make it the one in force for new ratings; begun ratings keep theirs.

    Raises:
        InvalidInput: the document lacks something; the message names it.
        InvalidState: this version is loaded already.
    """
    content = _checked(document)
    instrument, version, language = (str(document[key]) for key in ("instrument", "version", "language"))
    same = InstrumentPack.objects.filter(study=study, instrument=instrument, version=version, language=language)
    if same.exists():
        msg = f"{instrument} {version} ({language}) is loaded already."
        raise InvalidState(msg)
    InstrumentPack.objects.filter(study=study, instrument=instrument, language=language, is_active=True).update(
        is_active=False
    )
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return InstrumentPack.objects.create(
        study=study,
        instrument=instrument,
        version=version,
        language=language,
        content=content,
        sha256=hashlib.sha256(canonical.encode()).hexdigest(),
        licence_holder=str(document["licence_holder"]),
        licence_reference=str(document["licence_reference"]),
        is_placeholder=bool(document.get("is_placeholder", False)),
        is_active=True,
        loaded_at=clock.now(),
        loaded_by=by,
    )


def _checked(document: Mapping[str, object]) -> dict[str, object]:
    for key in ("instrument", "version", "language", "licence_holder", "licence_reference", "items"):
        if not document.get(key):
            msg = f"The pack lacks “{key}”."
            raise InvalidInput(msg)
    items = document["items"]
    numbers = [item.get("number") for item in items] if isinstance(items, list) else []
    if numbers != list(scoring.ITEMS):
        raise InvalidInput("The pack must list the items 1 to 10 in order.")
    for item in items if isinstance(items, list) else []:
        if not item.get("title") or set(item.get("anchors", {})) - {str(v) for v in range(7)}:
            msg = f"Item {item['number']} needs a title and anchors for scores from 0 to 6 only."
            raise InvalidInput(msg)
    return {"items": items}
