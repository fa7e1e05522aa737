"""How a leak is planted: one function of the running portal replaced for the length of a test.

A leak asks `SECRET` (what the vault knows of the world in which the harness stands). Nothing of this is reachable
outside the suite.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from django.http import HttpRequest

from studyportal.middleware import SecurityHeadersMiddleware
from tests.factories.worlds import Twin

SECOND = "ZPHQVX"


class Secret:
    """What the vault knows of the present world."""

    world: Twin

    def second(self, number: str) -> bool:
        """Whether a participant has the second sequence."""
        return self.world.sequences.get(number) == SECOND

    def slot_second(self, number: str) -> bool:
        """Whether a randomization number hides the second sequence."""
        return self.world.slots.get(number) == SECOND

    def named(self, text: str) -> bool:
        """Whether a text names a participant with the second sequence."""
        return any(number in text for number in self.world.sequences if self.second(number))


SECRET = Secret()
Plant = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Leak:
    """A planted leak: what it would look like in a review, and on which requests it can be seen."""

    name: str
    plant: Plant
    sees: tuple[str, ...] = ("participant",)
    world: str = "swap"
    grants: tuple[str, ...] = ()


@contextmanager
def everywhere(real: Callable[..., Any], other: Callable[..., Any]) -> Iterator[None]:
    """Replace a function in every module that imported it by name."""
    with ExitStack() as stack:
        for module in list(sys.modules.values()):
            for name, value in list(vars(module).items()) if hasattr(module, "__dict__") else ():
                if value is real and not module.__name__.startswith("tests."):
                    stack.enter_context(patch.object(module, name, other))
        yield


def answered(change: Callable[[HttpRequest, Any, bool], None]) -> Plant:
    """Change the answers of pages of a participant; `change` is told whether the second sequence is behind it."""
    real = SecurityHeadersMiddleware.__call__

    def call(self: Any, request: HttpRequest) -> Any:
        response = real(self, request)
        if any(number in request.path for number in SECRET.world.sequences):
            change(request, response, SECRET.named(request.path))
        return response

    return lambda: patch.object(SecurityHeadersMiddleware, "__call__", call)


def body(text: str) -> Plant:
    """Add a text to the pages of those with the second sequence."""

    def change(request: HttpRequest, response: Any, second: bool) -> None:
        if second and not response.streaming:
            response.content = response.content.replace(b"</main>", text.encode() + b"</main>")

    return answered(change)


def replaced(old: bytes, new: bytes) -> Plant:
    """Change a text of the pages of those with the second sequence."""

    def change(request: HttpRequest, response: Any, second: bool) -> None:
        if second and not response.streaming:
            response.content = response.content.replace(old, new)

    return answered(change)


def header(name: str, value: str, other: str = "") -> Plant:
    """Set a header by the sequence."""

    def change(request: HttpRequest, response: Any, second: bool) -> None:
        if second or other:
            response.headers[name] = value if second else other

    return answered(change)
