"""The story of a value: old, new, who, when and why; signatures with what voided them."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from ratings import scoring
from ratings.answers import BLANK, Answer
from ratings.models import ItemCorrection, Rating
from ratings.selectors import answers_of
from studyportal.accounts.models import Signature


@dataclass(frozen=True, slots=True)
class Step:
    """One change of an item: from what, to what, when, by whom, and why where a reason was due."""

    at: datetime
    part: str
    before: str
    after: str
    who: str
    why: str = ""
    after_signing: bool = False


@dataclass(frozen=True, slots=True)
class ItemStory:
    """Everything that happened to one item."""

    number: int
    title: str
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Line:
    """One item of a signed rating: the answer that stands, and whether it was corrected."""

    number: int
    title: str
    answer: Answer
    is_corrected: bool


def lines_of(rating: Rating) -> list[Line]:
    """Return the ten items of a rating as they stand now."""
    corrected = set(rating.corrections.values_list("item", flat=True))
    answers = answers_of(rating)
    return [Line(item, scoring.TITLES[item], answers[item], item in corrected) for item in scoring.ITEMS]


def signatures_of(rating: Rating) -> list[Signature]:
    """Return every signature of a rating, the voided ones too, in their order."""
    return list(Signature.objects.filter(record_label="rating", record_id=rating.pk).order_by("signed_at"))


def corrections_of(rating: Rating) -> list[ItemCorrection]:
    """Return the corrections of a rating in their order."""
    return list(rating.corrections.select_related("corrected_by", "voided_signature").order_by("corrected_at"))


def story_of(rating: Rating) -> list[ItemStory]:
    """Return the items that were ever touched, each with its changes in their order."""
    steps: dict[int, list[Step]] = defaultdict(list)
    answers: dict[int, Answer] = {}
    who = rating.rater.full_name
    for event in rating.draft_events.order_by("version", "seq"):
        before = answers.get(event.item, BLANK)
        after = answers[event.item] = before.changed(event.field, event.value)
        part = "note" if event.field == "note" else "answer"
        if before.part(part) != after.part(part):
            step = Step(event.received_at, part, before.words(part), after.words(part), who)
            steps[event.item].append(step)
    for correction in corrections_of(rating):
        steps[correction.item].append(_corrected(correction))
    return [ItemStory(item, scoring.TITLES[item], steps[item]) for item in scoring.ITEMS if item in steps]


def _corrected(correction: ItemCorrection) -> Step:
    old = "no score" if correction.old_value is None else str(correction.old_value)
    why = f"{correction.get_reason_display()}: {correction.reason_text}"
    who = correction.corrected_by.full_name
    return Step(correction.corrected_at, "answer", old, str(correction.new_value), who, why, after_signing=True)
