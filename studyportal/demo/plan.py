"""Who comes when: the demo's calendar, counted back from today so that the worklists are alive.

Drawn before anybody is allocated and from a seed of its own, so nothing here can depend on a sequence.
"""

import datetime
from dataclasses import dataclass
from enum import StrEnum

from studyportal.reports.analysis.synthetic import (
    PeopleParameters,
    Sex,
    SyntheticParameters,
    SyntheticParticipant,
    draw_participants,
)

PEOPLE_SEED = 20250722
SCREENING_DAYS_BEFORE = 8
DAY = datetime.timedelta(days=1)


class Stop(StrEnum):
    """Where a participant's way ends for now, other than at today's date."""

    WITHDRAWN = "withdrawn"
    NOT_RANDOMIZED = "not randomized"
    SECOND_MISSED = "second session missed"


@dataclass(frozen=True, slots=True)
class Plan:
    """One participant's calendar."""

    person: SyntheticParticipant
    site: str
    first_on: datetime.date
    second_on: datetime.date
    stop: Stop | None = None
    late_ratings: frozenset[int] = frozenset()
    """Periods whose day-1 interview is made too late, so that a deviation arises."""

    @property
    def sex(self) -> str:
        """The portal's code of the sex."""
        return "F" if self.person.sex is Sex.FEMALE else "M"


@dataclass(frozen=True, slots=True)
class Size:
    """How many complete the study, and whether others are on their way."""

    women: int
    men: int
    with_others: bool


SIZES = {"full": Size(13, 13, with_others=True), "small": Size(2, 2, with_others=True)}
# Days from today to the first and the second session of those who are on their way.
ON_THEIR_WAY: tuple[tuple[int, int, Stop | None], ...] = (
    (-20, -2, Stop.SECOND_MISSED),
    (-18, 0, None),
    (-15, 4, None),
    (-1, 17, None),
    (0, 20, None),
    (3, 24, None),
    (2, 23, Stop.NOT_RANDOMIZED),
    (6, 26, None),
    (7, 27, None),
    (4, 25, Stop.WITHDRAWN),
)
SMALL_ON_THEIR_WAY = (1, 3, 4, 6)


def make_plans(size: str, *, today: datetime.date) -> list[Plan]:
    """Return everybody's calendar in the order of screening."""
    chosen = SIZES[size]
    completed = _completed(chosen, today)
    rows = ON_THEIR_WAY if size == "full" else tuple(ON_THEIR_WAY[i] for i in SMALL_ON_THEIR_WAY)
    others = _others(rows, first_position=len(completed) + 1, today=today) if chosen.with_others else []
    return sorted(completed + others, key=lambda plan: (plan.first_on, plan.person.position))


def _completed(size: Size, today: datetime.date) -> list[Plan]:
    people = draw_participants(
        SyntheticParameters(people=PeopleParameters(women=size.women, men=size.men)), seed=PEOPLE_SEED
    )
    # The last of them came for the last time a week ago.
    offset = max(person.session_days[1] for person in people) + 7
    return [
        Plan(
            person, _site(person.position), today + (first - offset) * DAY, today + (second - offset) * DAY,
            late_ratings=frozenset({1} if person.position % 11 == 3 else {2} if person.position % 11 == 7 else ()),
        )
        for person in people
        for first, second in [person.session_days]
    ]  # fmt: skip


def _others(rows: tuple[tuple[int, int, Stop | None], ...], *, first_position: int, today: datetime.date) -> list[Plan]:
    half = (len(rows) + 1) // 2
    people = draw_participants(SyntheticParameters(people=PeopleParameters(women=half, men=half)), seed=PEOPLE_SEED + 1)
    return [
        Plan(
            SyntheticParticipant(position, person.sex, person.age, (first, second)),
            _site(position), today + first * DAY, today + second * DAY, stop,
        )
        for position, person, (first, second, stop) in zip(
            range(first_position, first_position + len(rows)), people, rows, strict=False
        )
    ]  # fmt: skip


def _site(position: int) -> str:
    return "01" if position % 2 else "02"
