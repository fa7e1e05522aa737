"""Where a list stands in its life, who brought it there, and what is due next by whom: what its page says."""

import datetime
from dataclasses import dataclass

from sessions.allocation.models import RandomizationList
from sessions.allocation.selectors import fill_of
from sessions.randomization import Method
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can, people_with

State = RandomizationList.State
LABELS = (
    ("drafted", "Draft"),
    ("generated", "Generated"),
    ("accepted", "Accepted"),
    ("approved", "Approved"),
    ("published", "Published"),
    ("activated", "Active"),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the line; `person` and `at` are empty while it is ahead."""

    label: str
    person: str
    at: datetime.datetime | None
    is_next: bool


@dataclass(frozen=True, slots=True)
class Due:
    """What is due next.

    Attributes
    ----------
    act
        Name of the step, empty when nothing is due.
    people
        Who may do it.
    is_yours
        Whether the viewer may.
    why_not
        Why the viewer, who otherwise might, may not.
    """

    act: str
    sentence: str
    people: tuple[str, ...]
    is_yours: bool
    why_not: str = ""


def stages_of(made: RandomizationList) -> list[Stage]:
    """Return the line of stages of a list of `lists_for`; a closed one ends where it was closed."""
    # By the state, not by the first gap: lists of the first version have no acceptance.
    next_at = list(State).index(State(made.state)) + 1
    return [
        Stage(
            label,
            getattr(made, f"{step}_by").full_name if getattr(made, f"{step}_by") else "",
            getattr(made, f"{step}_at"),
            is_next=place == next_at and made.state != State.CLOSED,
        )
        for place, (step, label) in enumerate(LABELS)
    ]


def due_for(viewer: User, made: RandomizationList) -> Due:
    """Return what is due next for a list of `lists_for`, and whether the viewer may do it."""
    act, permission, sentence = NEXT[State(made.state)]
    if permission is None:
        return Due("", _standing(made), (), is_yours=False)
    barred: set[object] = set()
    if act == "approve":
        barred = {made.drafted_by_id, made.generated_by_id, made.accepted_by_id}
    people = [person for person in people_with(permission, made.study) if person.pk not in barred]
    why_not = ""
    if act == "approve" and viewer.pk in barred:
        why_not = "You made this list or signed its report. A second person with a role at this door approves it."
    is_yours = not why_not and can(viewer, permission, made.study)
    return Due(act, sentence, tuple(person.full_name for person in people), is_yours=is_yours, why_not=why_not)


def _standing(made: RandomizationList) -> str:
    if made.state == State.CLOSED:
        return f"Closed: {made.closed_reason or 'no reason is on record'}"
    if made.method == Method.MINIMIZATION:
        return "Each participant is allocated by a draw of the vault from now on."
    if all(fill.left == 0 for fill in fill_of(made)):
        return "Every place of it is taken. Allocation goes on with the next open list."
    return "Participants are randomized from this list."


NEXT: dict[State, tuple[str, Permission | None, str]] = {
    State.DRAFT: (
        "generate", Permission.LIST_GENERATE,
        "Generate the list, here or away from the portal.",
    ),
    State.GENERATED: (
        "accept", Permission.LIST_GENERATE,
        "The unblinded statistician reads the checks and signs the acceptance report.",
    ),
    State.ACCEPTED: (
        "approve", Permission.LIST_APPROVE, "A second person, who neither made nor accepted the list, approves it.",
    ),
    State.APPROVED: (
        "publish", Permission.LIST_APPROVE,
        "Publish the commitment, so that everybody can hold the study to this list before anybody is allocated.",
    ),
    State.PUBLISHED: (
        "activate", Permission.LIST_APPROVE,
        "File the published root (registry entry, trial master file), then open the list for allocation.",
    ),
    State.ACTIVE: ("", None, ""),
    State.CLOSED: ("", None, ""),
}  # fmt: skip
