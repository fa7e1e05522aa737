"""The draft's life: started once, saved change by change, never losing one.

Protocol (madrs.md, Autosave): the browser sends its changes with the version that it knows. A change already on file
(same client, same sequence number) is skipped, so that a repeated save is harmless. When another window has written the
same answer since that version, nothing is saved and both values go back for the rater to choose.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import transaction

from ratings import scoring
from ratings.models import DraftEvent, ItemScore, Rating, RatingAssignment
from ratings.selectors import active_pack, scores_of
from ratings.services.alerts import raise_alert_if_needed
from ratings.services.assignment import refuse_firewalled
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState, NotPermitted

FIELDS = ("value", "note", "missing_reason")
LONGEST_NOTE = 500


@dataclass(frozen=True, slots=True)
class Change:
    """One change as the browser queued it; an empty value clears the answer."""

    seq: int
    item: int
    field: str
    value: str
    at: datetime.datetime | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """An answer that another window changed since the version this browser knows."""

    item: int
    field: str
    yours: str
    server: str


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save answers: the version now, which changes are on file, and conflicts (then nothing was written)."""

    version: int
    saved_at: datetime.datetime
    accepted: list[int]
    conflicts: list[Conflict] = field(default_factory=list)
    safety: bool = False


@transaction.atomic
def start(*, assignment: RatingAssignment, source: str, by: User) -> Rating:
    """Begin the interview at the server's time; starting again returns the same draft.

    Raises:
        NotPermitted: the work item is somebody else's.
        InvalidState: the rater is firewalled from the session, or the item was cancelled.
        InvalidInput: the source is unknown.
        NotFound: no instrument pack is loaded.
    """
    _refuse_others(assignment, by)
    locked = RatingAssignment.objects.select_for_update(of=("self",)).select_related("assessment").get(pk=assignment.pk)
    existing = Rating.objects.filter(assignment=locked).first()
    if existing is not None:
        return existing
    if locked.status == RatingAssignment.Status.CANCELLED:
        raise InvalidState("This assignment was cancelled. Ask the coordinator.")
    refuse_firewalled(by, assignment.session)
    if source not in Rating.Source.values:
        raise InvalidInput("Say how the scores reach the form.", fields={"source": "Choose one of the two."})
    study = assignment.session.participant.study
    rating = Rating.objects.create(
        assignment=locked,
        pack=active_pack(study, locked.assessment.instrument),
        rater=by,
        recall_period=locked.assessment.recall_period,
        source=source,
        started_at=clock.now(),
    )
    locked.status = RatingAssignment.Status.STARTED
    locked.save(update_fields=["status"])
    events.record("interview started", study=study.code, target=locked.code)
    return rating


@transaction.atomic
def save_changes(*, rating: Rating, client: str, known_version: int, changes: Sequence[Change], by: User) -> Saved:
    """Save a batch of changes, all or none.

    Raises:
        NotPermitted: the rating is somebody else's.
        InvalidState: the rating is signed.
        InvalidInput: an item, a field or a value is impossible; `fields` names the items.
    """
    _refuse_others(rating.assignment, by)
    _refuse_impossible(changes)
    locked = Rating.objects.select_for_update(of=("self",)).get(pk=rating.pk)
    on_file = set(
        DraftEvent.objects.filter(rating=locked, client=client, seq__in=[c.seq for c in changes]).values_list(
            "seq", flat=True
        )
    )
    fresh = [change for change in changes if change.seq not in on_file]
    now = clock.now()
    if not fresh:
        return Saved(locked.version, now, sorted(on_file))
    if locked.status != Rating.Status.DRAFT:
        raise InvalidState("This rating is signed. Use “Correct a score” to change it.", code="signed")
    conflicts = _conflicts(locked, client, known_version, fresh)
    if conflicts:
        return Saved(locked.version, now, sorted(on_file), conflicts)
    locked.version += 1
    locked.save(update_fields=["version"])
    scores = scores_of(locked)
    for change in fresh:
        score = scores.setdefault(change.item, ItemScore(rating=locked, item=change.item))
        _apply(score, change)
        score.save()
    DraftEvent.objects.bulk_create(
        DraftEvent(
            rating=locked, client=client, seq=change.seq, item=change.item, field=change.field, value=change.value,
            client_at=change.at, received_at=now, version=locked.version,
        )
        for change in fresh
    )  # fmt: skip
    alerted = raise_alert_if_needed(locked, scores.get(scoring.SUICIDAL_ITEM))
    return Saved(locked.version, now, sorted(change.seq for change in changes), safety=alerted)


def _refuse_others(assignment: RatingAssignment, by: User) -> None:
    participant = assignment.session.participant
    check(by, Permission.RATING_ENTER, participant.study, participant.site)
    if assignment.rater_id != by.pk:
        raise NotPermitted("This rating is assigned to somebody else.")


def _refuse_impossible(changes: Sequence[Change]) -> None:
    wrong = {}
    for change in changes:
        said = change.value
        if change.item not in scoring.ITEMS or change.field not in FIELDS:
            wrong[f"item_{change.item}"] = "There is no such answer on this form."
        elif change.field == "value" and said not in {"", *map(str, range(scoring.LOWEST, scoring.HIGHEST + 1))}:
            wrong[f"item_{change.item}"] = f"A score is a whole number from 0 to 6, not {said[:12]!r}."
        elif change.field == "missing_reason" and said not in {"", *ItemScore.MissingReason.values}:
            wrong[f"item_{change.item}"] = "Choose one of the reasons offered."
        elif len(said) > LONGEST_NOTE:
            wrong[f"item_{change.item}"] = f"A note holds {LONGEST_NOTE} characters; this one has {len(said)}."
        elif "\x00" in said:
            wrong[f"item_{change.item}"] = "The note holds a character that cannot be stored."
    if wrong:
        raise InvalidInput("Some answers need another look.", fields=wrong)


def _conflicts(rating: Rating, client: str, known_version: int, changes: Sequence[Change]) -> list[Conflict]:
    if known_version >= rating.version:
        return []
    theirs = {
        (event.item, event.field): event.value
        for event in DraftEvent.objects.filter(rating=rating, version__gt=known_version)
        .exclude(client=client)
        .order_by("version", "seq")
    }
    yours = {(change.item, change.field): change.value for change in changes}
    return [
        Conflict(item, name, value, theirs[item, name])
        for (item, name), value in yours.items()
        if theirs.get((item, name), value) != value
    ]


def _apply(score: ItemScore, change: Change) -> None:
    """Set one field; a score and a reason for its absence exclude each other."""
    if change.field == "value":
        score.value = int(change.value) if change.value else None
        if change.value:
            score.missing_reason = ""
    elif change.field == "missing_reason":
        score.missing_reason = change.value
        if change.value:
            score.value = None
    else:
        score.note = change.value
