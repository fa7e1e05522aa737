"""What a worklist is made of: rows in four groups, and who looks at which participant."""

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from django.urls import reverse

from participants.models import Participant
from studyportal import clock
from studyportal.accounts.roles import Permission
from studyportal.reports.journeys import Planned

P = Permission
WEEK = datetime.timedelta(days=7)


class Group(StrEnum):
    """The only four groups; the order is the page's."""

    OVERDUE = "Overdue"
    TODAY = "Today"
    NEXT = "Next 7 days"
    WAITING = "Waiting for others"


@dataclass(frozen=True, slots=True)
class Task:
    """One row: who, what, by when, and one button."""

    group: Group
    moment: datetime.datetime
    number: str
    what: str
    when: str
    action: str
    target: tuple[str, ...]
    fragment: str = ""

    @property
    def url(self) -> str:
        """Where the button leads."""
        name, *arguments = self.target
        return reverse(name, args=arguments) + self.fragment


@dataclass(frozen=True, slots=True)
class Worklist:
    """The rows of each group in time's order."""

    tasks: tuple[Task, ...]

    def groups(self) -> list[tuple[Group, list[Task]]]:
        """Return every group, empty ones too: a calm line says so."""
        return [(group, [task for task in self.tasks if task.group == group]) for group in Group]

    def count(self, group: Group) -> int:
        """Return how many rows a group has."""
        return sum(task.group == group for task in self.tasks)

    @property
    def title(self) -> str:
        """Return the counts for the page's title, for example `1 overdue, 3 today`."""
        overdue, today = self.count(Group.OVERDUE), self.count(Group.TODAY)
        parts = [f"{overdue} overdue"] if overdue else []
        return ", ".join([*parts, f"{today} today"])


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks at which participant, when: what every producer of rows needs to know."""

    now: datetime.datetime
    participant: Participant
    may: frozenset[Permission]
    assessments: list[Planned] = field(default_factory=list)

    @property
    def number(self) -> str:
        """The participant's number."""
        return self.participant.number

    @property
    def zone(self) -> str:
        """The site's time zone."""
        return self.participant.site.time_zone

    @property
    def reads_gaps(self) -> bool:
        """Whether the viewer watches over the study without acting in it."""
        return P.REPORT_VIEW in self.may and P.SESSION_CONDUCT not in self.may

    def group_of(self, moment: datetime.datetime, closes_at: datetime.datetime | None = None) -> Group | None:
        """Return the group of something that opens at a moment; None when it lies beyond the week."""
        if closes_at is not None and closes_at < self.now:
            return Group.OVERDUE
        today, day = clock.local(self.now, self.zone).date(), clock.local(moment, self.zone).date()
        if day <= today:
            return Group.TODAY
        return Group.NEXT if day - today <= WEEK else None


def as_reader_may(reader: Reader, offered: tuple[Task | None, Permission]) -> Iterator[Task]:
    """Yield a row with its button to who may act, its gap without one to who watches, nothing to others."""
    task, needed = offered
    if task is None:
        return
    if needed in reader.may:
        yield task
    elif reader.reads_gaps and task.group == Group.OVERDUE:
        yield replace(task, action="View", target=("participant", task.number), fragment="")
