"""The draft's life: started once, saved change by change, never losing one.

Protocol (madrs.md, Autosave): the browser sends its changes with the version that it knows. A change already on file
(same client, same sequence number) is skipped, so that a repeated save is harmless. When another window has written the
same answer since that version, nothing is saved and both values go back for the rater to choose. Every reply brings the
answers that other windows wrote meanwhile, so that a page that knows a version also shows it: what is signed is what
was on screen.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db import transaction

from ratings import scoring
from ratings.answers import BLANK, FIELDS, PART, Answer, replay
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

LONGEST_NOTE = 500
HIGHEST_SEQ = 2**31 - 1


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
    """A part of an answer that another window changed since the version this browser knows, in both versions' words."""

    item: int
    part: str
    yours: str
    server: str


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save answers.

    The version now, which changes are on file, conflicts (then nothing was written), and the answers that other
    windows wrote since the version that the browser knew.
    """

    version: int
    saved_at: datetime.datetime
    accepted: list[int]
    conflicts: list[Conflict] = field(default_factory=list)
    others: dict[int, Answer] = field(default_factory=dict)
    safety: bool = False


@transaction.atomic
def start(
    *, assignment: RatingAssignment, source: str, by: User, started_at: datetime.datetime | None = None
) -> Rating:
    """Begin the interview at the server's time; starting again returns the same draft.

    `started_at` is for an interview kept on paper: when it really began.

    Raises:
        NotPermitted: the work item is somebody else's.
        InvalidState: the rater is firewalled from the session, or the item was cancelled.
        InvalidInput: the source is unknown, or the start lies in the future.
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
    now = clock.now()
    if started_at is not None and started_at > now:
        words = "The interview cannot have started in the future."
        raise InvalidInput(words, fields={"started_time": words})
    study = assignment.session.participant.study
    rating = Rating.objects.create(
        assignment=locked,
        pack=active_pack(study, locked.assessment.instrument),
        rater=by,
        recall_period=locked.assessment.recall_period,
        source=source,
        started_at=(source == Rating.Source.PAPER and started_at) or now,
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
        InvalidState: the rating is signed, or the browser knows a version that does not exist.
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
    fresh = sorted((change for change in changes if change.seq not in on_file), key=lambda change: change.seq)
    if fresh and locked.status != Rating.Status.DRAFT:
        raise InvalidState("This rating is signed. Use “Correct a score” to change it.", code="signed")
    if known_version > locked.version:
        raise InvalidState("This page is newer than the record. Reload it, then enter what is missing.", code="ahead")
    now, scores = clock.now(), scores_of(locked)
    theirs = _written_by_others(locked, client, known_version)
    others = {item: scores[item].answer for item in sorted({item for item, _ in theirs}) if item in scores}
    conflicts = _conflicts(fresh, theirs, scores)
    if conflicts or not fresh:
        alerted = raise_alert_if_needed(locked, None)
        return Saved(locked.version, now, sorted(on_file), conflicts, others, alerted)
    locked.version += 1
    locked.save(update_fields=["version"])
    _write(locked, client, fresh, scores)
    alerted = raise_alert_if_needed(locked, scores.get(scoring.SUICIDAL_ITEM))
    # An item of which this save changed one part and another window the other goes back whole.
    others = {item: scores[item].answer for item in others}
    return Saved(locked.version, now, sorted(change.seq for change in changes), others=others, safety=alerted)


def answers_at(rating: Rating, version: int) -> dict[int, Answer]:
    """Return what a page that knows `version` showed, from the append-only log."""
    log = DraftEvent.objects.filter(rating=rating, version__lte=version).order_by("version", "seq")
    return replay(log.values_list("item", "field", "value"))


def _refuse_others(assignment: RatingAssignment, by: User) -> None:
    participant = assignment.session.participant
    check(by, Permission.RATING_ENTER, participant.study, participant.site)
    if assignment.rater_id != by.pk:
        raise NotPermitted("This rating is assigned to somebody else.")


def _refuse_impossible(changes: Sequence[Change]) -> None:
    sequence = [change.seq for change in changes]
    if len(set(sequence)) < len(sequence) or not all(1 <= seq <= HIGHEST_SEQ for seq in sequence):
        raise InvalidInput("The changes are not numbered one by one. Reload the page.", code="sequence")
    wrong = {f"item_{change.item}": fault for change in changes if (fault := _fault(change))}
    if wrong:
        raise InvalidInput("Some answers need another look.", fields=wrong)


def _fault(change: Change) -> str:
    """Return what is wrong with a change, or an empty string."""
    said = change.value
    if change.item not in scoring.ITEMS or change.field not in FIELDS:
        return "There is no such answer on this form."
    if change.field == "value" and said not in {"", *map(str, range(scoring.LOWEST, scoring.HIGHEST + 1))}:
        return f"A score is a whole number from 0 to 6, not {said[:12]!r}."
    if change.field == "missing_reason" and said not in {"", *ItemScore.MissingReason.values}:
        return "Choose one of the reasons offered."
    if len(said) > LONGEST_NOTE:
        return f"A note holds {LONGEST_NOTE} characters; this one has {len(said)}."
    if "\x00" in said or any("\ud800" <= character <= "\udfff" for character in said):
        return "The note holds a character that cannot be stored."
    return ""


def _written_by_others(rating: Rating, client: str, known_version: int) -> set[tuple[int, str]]:
    """Return which parts of which items other windows wrote since `known_version`."""
    log = DraftEvent.objects.filter(rating=rating, version__gt=known_version).exclude(client=client)
    return {(item, PART[name]) for item, name in log.values_list("item", "field")}


def _conflicts(
    changes: Sequence[Change], theirs: set[tuple[int, str]], scores: Mapping[int, ItemScore]
) -> list[Conflict]:
    now = {item: score.answer for item, score in scores.items()}
    mine = dict(now)
    for change in changes:
        mine[change.item] = mine.get(change.item, BLANK).changed(change.field, change.value)
    touched = {(change.item, PART[change.field]) for change in changes} & theirs
    return [
        Conflict(item, part, mine[item].words(part), now.get(item, BLANK).words(part))
        for item, part in sorted(touched)
        if mine[item].part(part) != now.get(item, BLANK).part(part)
    ]


def _write(rating: Rating, client: str, changes: Sequence[Change], scores: dict[int, ItemScore]) -> None:
    """Apply the changes to the answers and append them to the log."""
    for change in changes:
        score = scores.setdefault(change.item, ItemScore(rating=rating, item=change.item))
        score.answer = score.answer.changed(change.field, change.value)
    for item in {change.item for change in changes}:
        scores[item].save()
    DraftEvent.objects.bulk_create(
        DraftEvent(
            rating=rating, client=client, seq=change.seq, item=change.item, field=change.field, value=change.value,
            client_at=change.at, received_at=clock.now(), version=rating.version,
        )
        for change in changes
    )  # fmt: skip
