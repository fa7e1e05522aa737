"""Interviews at the stages that tests of ratings need; by the real services."""

import datetime
import json
from dataclasses import dataclass

from django.http import HttpResponse

from ratings.models import Rating, RatingAssignment
from ratings.services import drafts
from sessions.models import StudySession
from studyportal import clock
from studyportal.accounts.models import User
from tests.factories import journey
from tests.factories.world import World


@dataclass(frozen=True, slots=True)
class Interview:
    """A draft and the world around it."""

    world: World
    session: StudySession
    assignment: RatingAssignment
    rating: Rating

    @property
    def code(self) -> str:
        """What the rater's addresses carry."""
        return self.assignment.code


def begun(world: World, *, timepoint: str = "pre_dose", source: str = "during") -> Interview:
    """Return a draft of a session that ended an hour ago."""
    journey.activate_list(world)
    session = journey.held(world, journey.randomized(world))
    return begun_for(world, session, timepoint=timepoint, source=source)


def begun_for(world: World, session: StudySession, *, timepoint: str = "pre_dose", source: str = "during") -> Interview:
    """Return a draft of a given session, begun 20 minutes ago."""
    assignment = journey.assigned(world, session, timepoint)
    rating = drafts.start(assignment=assignment, source=source, by=world.rater)
    Rating.objects.filter(pk=rating.pk).update(started_at=clock.now() - datetime.timedelta(minutes=20))
    rating.refresh_from_db()
    assignment.refresh_from_db()
    return Interview(world, session, assignment, rating)


def answer(interview: Interview, values: dict[int, int], *, client: str = "page", known: int | None = None) -> int:
    """Save scores as another window would; return the version."""
    rating = Rating.objects.get(pk=interview.rating.pk)
    top = max([e.seq for e in rating.draft_events.filter(client=client)], default=0)
    changes = [
        drafts.Change(seq=top + n, item=item, field="value", value=str(value))
        for n, (item, value) in enumerate(values.items(), 1)
    ]
    version = rating.version if known is None else known
    return drafts.save_changes(
        rating=rating, client=client, known_version=version, changes=changes, by=interview.world.rater
    ).version


def values(interview: Interview) -> dict[int, int | None]:
    """Return the scores on the server."""
    return dict(interview.rating.scores.values_list("item", "value"))


def state(interview: Interview) -> tuple[object, ...]:
    """Return all that a refused act must leave alone."""
    rating = Rating.objects.get(pk=interview.rating.pk)
    return (
        rating.version, rating.status, rating.signature_id, rating.ended_at, rating.source,
        tuple(rating.scores.order_by("item").values_list("item", "value", "missing_reason", "note")),
        rating.draft_events.count(), rating.corrections.count(),
        RatingAssignment.objects.get(pk=interview.assignment.pk).status,
    )  # fmt: skip


def send(
    client: object, interview: Interview, body: object, *, version: str | None = '"v1"', user: User | None = None
) -> HttpResponse:
    """POST to autosave; `body` is sent as it stands when it is text or bytes."""
    del user
    data = body if isinstance(body, (str, bytes)) else json.dumps(body)
    headers = {} if version is None else {"If-Match": version}
    return client.post(f"/ratings/{interview.code}/changes/", data, content_type="application/json", headers=headers)


def change(item: int, value: object, *, seq: int = 1, field: str = "value") -> dict[str, object]:
    """Return one change as the page sends it."""
    return {"seq": seq, "at": "2026-11-23T10:31:00Z", "item": item, "field": field, "value": value}


def batch(*changes: dict[str, object], client: str = "page") -> dict[str, object]:
    """Return a body of autosave."""
    return {"client": client, "changes": list(changes)}
