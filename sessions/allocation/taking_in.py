"""Lists that come from outside the door: of the offline command, and of a unit that makes its own.

Both are sealed as they arrive; the file itself stays with whoever brought it, who destroys or locks it away.
"""

import json
import secrets
from typing import Any
from uuid import UUID

from django.db import transaction

from sessions.allocation.generation import SEED_BYTES, Settings, draft_list, keep_list, locked_draft, terms_of
from sessions.allocation.models import RandomizationList
from sessions.allocation.policies import sequences_of, strata_of
from sessions.randomization import (
    GeneratedList,
    Generator,
    ListTerms,
    Method,
    generate_list,
    read_list,
    root_to_publish,
)
from sessions.randomization.generate import commit_codes
from sessions.randomization.offline import FILE_FORMAT, LARGEST_FILE_BYTES, settings_document
from sessions.randomization.uploaded import Fault, UploadedList
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState
from studyportal.studies.models import Study


class ListFaults(InvalidInput):
    """An uploaded list has faults; each says its row and what to do."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        told = f"The list has {len(faults)} fault{'s' if len(faults) > 1 else ''}. Nothing was kept of it."
        super().__init__(told, fields={"file": told})
        self.faults = faults


def settings_file(made: RandomizationList, *, by: User) -> str:
    """Return what the offline command needs of a draft: its settings, no secret.

    Raises:
        NotPermitted: the person may not make lists.
        InvalidState: the list is no draft, or its method draws none.
    """
    check(by, Permission.LIST_GENERATE, made.study)
    if made.state != RandomizationList.State.DRAFT or not Method(made.method).is_drawn_from_seed:
        raise InvalidState("Only a draft whose method draws a list can be generated elsewhere.")
    return json.dumps(settings_document(terms_of(made)), indent=1) + "\n"


@transaction.atomic
def take_in(*, list_id: UUID, content: bytes, by: User) -> RandomizationList:
    """Take in the file of the offline command for a draft: derive the list from its seed again, seal it, commit to it.

    Raises:
        NotFound: no such list.
        NotPermitted: the person may not make lists.
        InvalidState: the list is no draft any more.
        InvalidInput: the file is not of this draft, or was changed.
    """
    made = locked_draft(list_id, by)
    terms = terms_of(made)
    seed, root, places = _read(content, terms)
    drawn = generate_list(
        method=terms.method, parameters=terms.parameters, sequences=terms.sequences, strata=terms.strata,
        slots_per_stratum=terms.slots_per_stratum, seed=seed, generator=terms.generator,
        taken_numbers=terms.taken_numbers,
    )  # fmt: skip
    given = [[slot.stratum, slot.ordinal, slot.number, slot.sequence] for slot in drawn.slots]
    if places != given or root != root_to_publish(terms, seed, drawn.slots).hex():
        raise _refused("Its list or root is not what its seed gives: the file was changed. Generate it again.")
    return keep_list(made, terms, seed, drawn, how="by the offline command", by=by)


@transaction.atomic
def take_in_upload(*, study: Study, content: bytes, generator: Generator, by: User) -> RandomizationList:
    """Take in a list that a unit made by itself; its nonces, and numbers that it lacks, are drawn here.

    Raises:
        NotPermitted: the person may not make lists.
        ListFaults: the file has faults; nothing was kept.
        InvalidState: an earlier list of the study comes first.
    """
    check(by, Permission.LIST_GENERATE, study)
    settings = Settings(Method.UPLOADED_LIST, {"has_own_numbers": False}, 0, generator)
    draft = draft_list(study=study, settings=settings, by=by)
    made = locked_draft(draft.pk, by)
    taken = terms_of(made).taken_numbers
    reading = read_list(
        content, sequences=sequences_of(study), strata=sorted(strata_of(study)), taken_numbers=set(taken)
    )  # fmt: skip
    if reading.uploaded is None:
        raise ListFaults(reading.faults)
    made.parameters = {"has_own_numbers": reading.uploaded.numbers is not None}
    made.save(update_fields=["parameters"])
    terms = terms_of(made)
    seed = secrets.token_bytes(SEED_BYTES)
    return keep_list(made, terms, seed, _committed(reading.uploaded, terms, seed), how="uploaded", by=by)


def announce_taking_in(study: Study, what: str) -> None:
    """Write to the trail, at once, that a file with a whole list has been at this door."""
    events.record_now("list file received", study=study.code, target=what)


def _committed(uploaded: UploadedList, terms: ListTerms, seed: bytes) -> GeneratedList:
    return commit_codes(
        uploaded.codes, seed=seed, generator=terms.generator, taken_numbers=terms.taken_numbers,
        numbers=uploaded.numbers,
    )  # fmt: skip


def _read(content: bytes, terms: ListTerms) -> tuple[bytes, str, object]:
    """Return seed, root and places of an offline file that belongs to these terms."""
    if len(content) > LARGEST_FILE_BYTES:
        raise _refused("It is larger than any file of the offline command.")
    try:
        document: Any = json.loads(content)
        given, seed, root = document["settings"], bytes.fromhex(document["seed"]), str(document["root"])
        places = document["slots"]
        is_ours = document["format"] == FILE_FORMAT
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _refused("It is not the file that the offline command writes.") from None
    if not is_ours or len(seed) != SEED_BYTES:
        raise _refused("It is not the file that the offline command writes.")
    if given != settings_document(terms):
        raise _refused("It was made from other settings than this draft has now. Download the settings again.")
    return seed, root, places


def _refused(why: str) -> InvalidInput:
    return InvalidInput(f"This file cannot be taken in. {why}", fields={"file": why})
