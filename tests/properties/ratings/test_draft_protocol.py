"""Two windows on one draft, however they type, send, lose replies and choose: nothing acknowledged is lost."""

from collections.abc import Iterator

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratings.answers import BLANK, PART, Answer
from ratings.models import Rating
from ratings.services.drafts import Change, Saved, save_changes
from tests.factories.interviews import Interview, begun
from tests.factories.world import World

pytestmark = pytest.mark.django_db
ITEMS = (1, 2, 10)


class Window:
    """A page as madrs.js keeps it: what it shows, what waits to be sent, and the version that it knows."""

    def __init__(self, name: str, interview: Interview) -> None:
        self.name, self.interview = name, interview
        self.shown: dict[int, Answer] = {}
        self.queue: list[Change] = []
        self.version, self.seq = interview.rating.version, 0

    def type(self, item: int, field: str, said: str) -> None:
        """Change an answer; a score and a reason clear each other as on the page."""
        if field == "value" and self.shown.get(item, BLANK).missing_reason:
            self._push(item, "missing_reason", "")
        if field == "missing_reason" and said and self.shown.get(item, BLANK).value is not None:
            self._push(item, "value", "")
        self._push(item, field, said)

    def _push(self, item: int, field: str, said: str) -> None:
        self.seq += 1
        self.queue.append(Change(self.seq, item, field, said))
        self.shown[item] = self.shown.get(item, BLANK).changed(field, said)

    def send(self, *, is_lost: bool, keeps: Iterator[str]) -> None:
        """Send the queue; a lost reply leaves the page as it was."""
        if not self.queue:
            return
        rating = Rating.objects.get(pk=self.interview.rating.pk)
        saved = save_changes(
            rating=rating, client=self.name, known_version=self.version, changes=list(self.queue),
            by=self.interview.world.rater,
        )  # fmt: skip
        if is_lost:
            return
        self.queue = [change for change in self.queue if change.seq not in saved.accepted]
        self._adopt(saved, keeps)
        self.version = saved.version

    def _adopt(self, saved: Saved, keeps: Iterator[str]) -> None:
        clashing = {(conflict.item, conflict.part) for conflict in saved.conflicts}
        for item, theirs in saved.others.items():
            for part in ("answer", "note"):
                if (item, part) in clashing and next(keeps) == "server":
                    self.queue = [c for c in self.queue if (c.item, PART[c.field]) != (item, part)]
                shown = with_part(self.shown.get(item, BLANK), theirs, part)
                for change in self.queue:
                    if (change.item, PART[change.field]) == (item, part):
                        shown = shown.changed(change.field, change.value)
                self.shown[item] = shown


def with_part(answer: Answer, theirs: Answer, part: str) -> Answer:
    if part == "note":
        return Answer(answer.value, answer.missing_reason, theirs.note)
    return Answer(theirs.value, theirs.missing_reason, answer.note)


ACTS = st.one_of(
    st.tuples(st.just("type"), st.sampled_from("AB"), st.sampled_from(ITEMS), st.just("value"),
              st.sampled_from(["", "0", "3", "6"])),
    st.tuples(st.just("type"), st.sampled_from("AB"), st.sampled_from(ITEMS), st.just("missing_reason"),
              st.sampled_from(["", "declined", "other"])),
    st.tuples(st.just("type"), st.sampled_from("AB"), st.sampled_from(ITEMS), st.just("note"),
              st.sampled_from(["", "a", "b"])),
    st.tuples(st.just("send"), st.sampled_from("AB"), st.booleans()),
)  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, max_size=24), choices=st.lists(st.sampled_from(["yours", "server"]), min_size=1, max_size=6))
def test_no_acknowledged_change_is_lost(
    interview: Interview, acts: list[tuple[object, ...]], choices: list[str]
) -> None:
    with transaction.atomic():
        windows = {name: Window(name, interview) for name in "AB"}
        keeps = (choices[n % len(choices)] for n in range(10_000))
        for act in acts:
            window = windows[str(act[1])]
            if act[0] == "type":
                window.type(*act[2:])  # type: ignore[arg-type]
            else:
                window.send(is_lost=bool(act[2]), keeps=keeps)
            agree(window)
        for _ in range(6):
            for window in windows.values():
                window.send(is_lost=False, keeps=keeps)
        assert [window.queue for window in windows.values()] == [[], []]
        for window in windows.values():
            agree(window)
            window.type(ITEMS[0], "note", "the end")
            window.send(is_lost=False, keeps=iter(["server"] * 10))
        transaction.set_rollback(True)


def agree(window: Window) -> None:
    """A page that waits for nothing and knows the newest version shows exactly what the server has."""
    rating = Rating.objects.get(pk=window.interview.rating.pk)
    server = {score.item: score.answer for score in rating.scores.all()}
    assert window.version <= rating.version
    if not window.queue and window.version == rating.version:
        assert {i: window.shown.get(i, BLANK) for i in ITEMS} == {i: server.get(i, BLANK) for i in ITEMS}


@pytest.fixture
def interview(world: World) -> Interview:
    return begun(world)
