"""The full reveal after the lock: announced by one person, confirmed by another, then handed out and published.

Announcing publishes the chain of all allocations: who came, in which order, with which number, and nothing of what
they got. From then on no allocation can be added, left out or moved without a trace.
"""

import hashlib
import json
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet

from sessions.allocation.minimization_models import MinimizationRequest, Replacement
from sessions.allocation.models import Allocation, Publication, RandomizationList, RevealStep
from sessions.allocation.terms import OpenedList, allocations_of, open_list
from sessions.randomization import (
    AllocatedNumber,
    AllocationStep,
    Mirrored,
    Newcomer,
    chain_head,
    course_bundle,
    levels_in_words,
    reveal_bundle,
    study_bundle,
)
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState
from studyportal.studies.models import Study

Step = RevealStep.Step
NOT_LOCKED = "The study is not locked. Its lists are revealed after the lock of its data, and never before."
MEANINGS = {
    Step.ANNOUNCED: "Announced the full reveal of the randomization",
    Step.CONFIRMED: "Confirmed the full reveal of the randomization",
}


@dataclass(frozen=True, slots=True)
class RevealState:
    """How far the reveal of a study is."""

    is_locked: bool
    announced: RevealStep | None
    confirmed: RevealStep | None
    published: Publication | None
    lists: int
    allocations: int


def reveal_state(viewer: User, study: Study) -> RevealState:
    """Return how far the reveal of a study is; a later announcement takes the place of an earlier one.

    Raises:
        NotPermitted: the viewer may not reveal lists.
    """
    check(viewer, Permission.LIST_REVEAL, study)
    announced = _latest(study)
    confirmed = RevealStep.objects.filter(announcement=announced).select_related("taken_by").first()
    return RevealState(
        is_locked=study.status == Study.Status.LOCKED,
        announced=announced,
        confirmed=confirmed if announced else None,
        published=Publication.objects.filter(study=study, kind=Publication.Kind.REVEAL).last(),
        lists=_lists(study).count(),
        allocations=Allocation.objects.filter(participant__study=study).count(),
    )


@transaction.atomic
def announce(*, study: Study, reason: str, password: str, by: User) -> RevealStep:
    """Announce the reveal of a locked study and publish the chain of its allocations.

    Raises:
        NotPermitted: the person may not reveal lists.
        InvalidInput: the reason is missing, or the password does not match.
        InvalidState: the study is not locked, or is revealed.
    """
    study = _locked(study, by)
    if not reason.strip():
        raise InvalidInput("Give the reason.", fields={"reason": "Say why the list is revealed now."})
    signatures.check_password(by, password)
    before = _latest(study)
    if before is not None and RevealStep.objects.filter(announcement=before).exists():
        raise InvalidState("The reveal is confirmed already.")
    head = chain_of(study)
    step = RevealStep.objects.create(
        study=study, step=Step.ANNOUNCED, chain=head, reason=reason.strip(), taken_at=clock.now(), taken_by=by
    )
    _publish(study, Publication.Kind.ALLOCATIONS, head, by=by)
    _signed(step, by)
    return step


@transaction.atomic
def confirm(*, study: Study, password: str, by: User) -> RevealStep:
    """Confirm an announced reveal, as a second person; from now on the bundle can be made.

    Raises:
        NotPermitted: the person may not reveal lists.
        InvalidInput: the password does not match.
        InvalidState: nothing is announced, the same person announced it, or the allocations changed meanwhile.
    """
    study = _locked(study, by)
    signatures.check_password(by, password)
    announced = _latest(study)
    if announced is None:
        raise InvalidState("Nobody has announced the reveal yet.")
    if RevealStep.objects.filter(announcement=announced).exists():
        raise InvalidState("The reveal is confirmed already.")
    if announced.taken_by_id == by.pk:
        raise InvalidState("A second person must confirm the reveal; you announced it.")
    if announced.chain != chain_of(study):
        raise InvalidState("The allocations changed since the announcement. Announce the reveal again.")
    step = RevealStep.objects.create(
        study=study, step=Step.CONFIRMED, announcement=announced, chain=announced.chain, taken_at=clock.now(),
        taken_by=by,
    )  # fmt: skip
    _signed(step, by)
    return step


def study_document(*, study: Study, by: User) -> str:
    """Return the bundle of a revealed study as JSON: every list, course and allocation. Announced in the trail first.

    Raises:
        NotPermitted: the person may not reveal lists.
        InvalidState: the study is not locked, or its reveal is not confirmed.
        BlindingViolation: this process is not the vault, or something was altered.
    """
    check(by, Permission.LIST_REVEAL, study)
    _refuse_unconfirmed(study)
    events.record_now("full reveal opened", study=study.code, target="all lists")
    bundles = [_bundle(open_list(made), made) for made in _lists(study)]
    whole = study_bundle(study.code, bundles, steps_of(study), mirrored_of(study))
    return json.dumps(whole, indent=1, sort_keys=True)


@transaction.atomic
def publish_reveal(*, study: Study, password: str, by: User) -> Publication:
    """Publish the bundle of a revealed study at the blinded door.

    Raises:
        NotPermitted: the person may not reveal lists.
        InvalidInput: the password does not match.
        InvalidState: the reveal is not confirmed, or is published.
    """
    study = _locked(study, by)
    signatures.check_password(by, password)
    if Publication.objects.filter(study=study, kind=Publication.Kind.REVEAL).exists():
        raise InvalidState("The reveal is published already.")
    document = study_document(study=study, by=by)
    value = hashlib.sha256(document.encode()).hexdigest()
    return _publish(study, Publication.Kind.REVEAL, value, document=document, by=by)


def chain_of(study: Study) -> str:
    """Return the head of the chain over a study's allocations as they are now."""
    return chain_head(steps_of(study)).hex()


def steps_of(study: Study) -> list[AllocationStep]:
    """Return every allocation of a study in the order of time, without what it gives."""
    found = Allocation.objects.filter(participant__study=study).select_related("participant", "slot__stratum__list")
    return [
        AllocationStep(
            participant=one.participant.number, number=one.slot.number, list_id=_list_of(one), stratum=_place(one),
            at=one.allocated_at.isoformat(),
        )
        for one in found.order_by("allocated_at", "slot__number")
    ]  # fmt: skip


def mirrored_of(study: Study) -> list[Mirrored]:
    """Return the numbers given outside of every list, in the order of time; each with whose sequence it shares."""
    found = Replacement.objects.filter(study=study, is_mirrored=True, slot__allocation__isnull=False)
    arranged = found.select_related("participant", "replaced", "slot")
    return [
        Mirrored(one.participant.number, one.slot.number, one.replaced.number)
        for one in arranged.order_by("slot__allocation__allocated_at")
    ]


def _list_of(one: Allocation) -> str:
    """Return the key of the committed list of an allocation; empty where the number was given outside of every list."""
    made = one.slot.stratum.list
    return str(made.pk) if made.commitment_root else ""


def _place(one: Allocation) -> str:
    if one.slot.stratum.list.method == "minimization":
        return levels_in_words(levels_of(one))
    return str(one.slot.stratum.key)


def levels_of(one: Allocation) -> dict[str, str]:
    """Return a participant's levels as they were asked for and drawn with."""
    return dict(MinimizationRequest.objects.get(request_id=one.request_id).levels)


def _bundle(opened: OpenedList, made: RandomizationList) -> dict[str, object]:
    allocated = allocations_of(made)
    if opened.is_course:
        given = {slot.number: slot.sequence for slot in opened.made.slots}
        newcomers = [
            Newcomer(one.participant.number, one.slot.number, levels_of(one), given[one.slot.number])
            for one in allocated
        ]
        return course_bundle(opened.terms, opened.seed, newcomers, commits_to=opened.commits_to)
    numbers = [AllocatedNumber(one.participant.number, one.slot.number) for one in allocated]
    return reveal_bundle(opened.terms, opened.seed, opened.made, numbers, commits_to=opened.commits_to)


def _lists(study: Study) -> QuerySet[RandomizationList]:
    """Lists that are published or were used; a draft, or what nobody was allocated from, was never promised."""
    published = Publication.objects.filter(study=study, kind=Publication.Kind.COMMITMENT).values("list_id")
    used = Allocation.objects.filter(participant__study=study).values("slot__stratum__list")
    # Position 0 holds the slots outside every list (`replacement.py`).
    found = RandomizationList.objects.filter(Q(pk__in=published) | Q(pk__in=used), study=study, position__gt=0)
    return found.exclude(commitment_root="").select_related("study").order_by("position")


def _locked(study: Study, by: User) -> Study:
    check(by, Permission.LIST_REVEAL, study)
    locked = Study.objects.select_for_update().get(pk=study.pk)
    if locked.status != Study.Status.LOCKED:
        raise InvalidState(NOT_LOCKED)
    return locked


def _refuse_unconfirmed(study: Study) -> None:
    if not Study.objects.filter(pk=study.pk, status=Study.Status.LOCKED).exists():
        raise InvalidState(NOT_LOCKED)
    announced = _latest(study)
    if announced is None or not RevealStep.objects.filter(announcement=announced).exists():
        raise InvalidState("The reveal is not confirmed by a second person yet.")


def _latest(study: Study) -> RevealStep | None:
    found = RevealStep.objects.filter(study=study, step=Step.ANNOUNCED).select_related("taken_by")
    return found.order_by("-taken_at").first()


def _publish(study: Study, kind: str, value: str, *, by: User, document: str = "") -> Publication:
    row = Publication.objects.create(
        study=study, kind=kind, value=value, document=document, published_at=clock.now(), published_by=by
    )
    events.record(f"{kind} published", study=study.code, target=kind, data={"value": value})
    return row


def _signed(step: RevealStep, by: User) -> None:
    signatures.sign(
        by=by, meaning=MEANINGS[Step(step.step)], record_label="allocation.RevealStep", record_id=step.pk,
        content={"study": step.study.code, "chain": step.chain, "reason": step.reason}, time_zone="UTC",
    )  # fmt: skip
    name, told = f"full reveal {step.step}", {"reason": step.reason, "chain": step.chain}
    events.record_now(name, study=step.study.code, target="all lists", data=told)
