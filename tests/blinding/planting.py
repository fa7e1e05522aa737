"""How a leak is planted: one function of the running portal replaced for the length of a few requests.

A leak asks `SECRET` (what the vault knows of the world in which the harness stands). Nothing of this is reachable
outside the suite. With `SECRET.is_public` the same plant follows something public instead; then it is no leak, and the
harness must stay silent.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch

from django.http import HttpRequest
from rest_framework.renderers import JSONRenderer

from sessions.models import StudySession
from sessions.services.randomization import allocate
from studyportal.middleware import SecurityHeadersMiddleware
from tests.blinding.plain import Plain
from tests.factories.worlds import Twin

SECOND = "ZPHQVX"
FIRST_PARTICIPANT = "XO-001"


class Secret:
    """What the vault knows of the present world."""

    world: Twin
    is_public = False

    def second(self, number: str) -> bool:
        """Whether a participant has the second sequence; in public, whether the number is odd."""
        return int(number[-1]) % 2 == 1 if self.is_public else self.world.sequences.get(number) == SECOND

    def slot_second(self, number: str) -> bool:
        """Whether a randomization number hides the second sequence; in public, whether it is one."""
        return number.startswith("R-") if self.is_public else self.world.slots.get(number) == SECOND

    def named(self, text: str) -> bool:
        """Whether a text names a participant with the second sequence."""
        return any(number in text for number in self.world.sequences if self.second(number))

    def behind(self, request: HttpRequest) -> bool:
        """Whether the second sequence is behind a page: that of whom its address names, else of the first."""
        named = [number for number in self.world.sequences if number in request.path]
        return self.second(named[0] if named else FIRST_PARTICIPANT)

    def seconds(self) -> list[str]:
        """Return the participants with the second sequence."""
        return [number for number in self.world.sequences if self.second(number)]

    def places(self) -> int:
        """Return how many places the list has; in public, how many participants are randomized."""
        return len(self.world.sequences) if self.is_public else len(self.world.slots)


SECRET = Secret()
Plant = Callable[[], Any]
Shows = Callable[[Plain], object]


@dataclass(frozen=True, slots=True)
class Leak:
    """A planted leak.

    `channel` is the family in `docs/explanation/blinding.md`; `plant` plants it; `shows` reads from a plain request,
    without the harness, what the leak gives away; `sees` are the routes on which it can be seen.
    """

    channel: str
    name: str
    plant: Plant
    shows: Shows
    sees: tuple[str, ...] = ("participant",)
    world: str = "swap"
    data: str = ""
    """What the request's query or body holds, where the route alone does not say which request it is."""
    status: bytes = b""
    """The answer that the leak needs, where it is no success."""


@cache
def _holders(real: Callable[..., Any]) -> list[tuple[Any, str]]:
    """Return every module that imported a function, with the name that it has there."""
    modules = [
        module for module in sys.modules.values() if not getattr(module, "__name__", "tests.").startswith("tests.")
    ]
    return [(module, name) for module in modules for name, value in list(vars(module).items()) if value is real]


@contextmanager
def everywhere(real: Callable[..., Any], other: Callable[..., Any]) -> Iterator[None]:
    """Replace a function in every module that imported it by name."""
    with ExitStack() as stack:
        for module, name in _holders(real):
            stack.enter_context(patch.object(module, name, other))
        yield


# Answers


def answered(change: Callable[[HttpRequest, Any, bool], None]) -> Plant:
    """Change answers; `change` is told whether the second sequence is behind the page."""
    real = SecurityHeadersMiddleware.__call__

    def call(self: Any, request: HttpRequest) -> Any:
        response = real(self, request)
        change(request, response, SECRET.behind(request))
        return response

    return lambda: patch.object(SecurityHeadersMiddleware, "__call__", call)


def edited(change: Callable[[str, bool], str]) -> Plant:
    """Change the text of answers."""

    def edit(request: HttpRequest, response: Any, second: bool) -> None:
        if response.streaming:
            whole = b"".join(response.streaming_content).decode("latin-1")
            response.streaming_content = [change(whole, second).encode("latin-1")]
        else:
            response.content = change(response.content.decode("latin-1"), second).encode("latin-1")

    return answered(edit)


def added(text: str, before: str = "</main>") -> Plant:
    """Add a text to the pages behind which the second sequence is."""
    return edited(lambda page, second: page.replace(before, text + before) if second else page)


def swapped(old: str, new: str) -> Plant:
    """Write something differently on pages behind which the second sequence is."""
    return edited(lambda page, second: page.replace(old, new) if second else page)


def turned(one: str, other: str) -> Plant:
    """Exchange two texts on pages behind which the second sequence is."""

    def change(page: str, second: bool) -> str:
        return page.replace(one, "\0").replace(other, one).replace("\0", other) if second else page

    return edited(change)


def header(name: str, value: str, other: str = "") -> Plant:
    """Set a header by the sequence."""

    def change(request: HttpRequest, response: Any, second: bool) -> None:
        if second or other:
            response.headers[name] = value if second else other

    return answered(change)


def document(change: Callable[[Any, bool], Any]) -> Plant:
    """Change the JSON of an answer, whoever rendered it."""

    def edit(page: str, second: bool) -> str:
        return json.dumps(change(json.loads(page), second)) if page[:1] in {"{", "["} else page

    return edited(edit)


def rendered(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Plant:
    """Change the API's rows of participants with the second sequence."""
    real = JSONRenderer.render

    def render(self: Any, data: Any, *args: Any, **kwargs: Any) -> bytes:
        if isinstance(data, dict) and isinstance(data.get("results"), list):
            rows = [change(dict(row)) if SECRET.named(repr(row)) else row for row in data["results"]]
            data = {**data, "results": rows}
        return bytes(real(self, data, *args, **kwargs))

    return lambda: patch.object(JSONRenderer, "render", render)


# Acts


def allocating(change: Callable[[str, bool], Any]) -> Plant:
    """Do something at the moment of randomization, when the slot is known; a text returned replaces the number."""

    def taken(**asked: Any) -> str | None:
        number = allocate(**asked)
        changed = change(number, SECRET.slot_second(number)) if number else None
        return changed if isinstance(changed, str) else number

    return lambda: everywhere(allocate, taken)


def sessions_made(change: Callable[[list[Any]], list[Any]]) -> Plant:
    """Change how the sessions of a freshly randomized participant are written."""
    real = StudySession.objects.bulk_create

    def create(made: Any, *args: Any, **kwargs: Any) -> Any:
        made = list(made)
        second = made and SECRET.slot_second(made[0].participant.randomization_number)
        return real(change(made) if second else made, *args, **kwargs)

    return lambda: patch.object(StudySession.objects, "bulk_create", create)
