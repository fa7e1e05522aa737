"""Comparing what one person sees in two worlds, request by request and channel by channel."""

from functools import cache

from tests.blinding.crawl import Explorer, looking, replay
from tests.blinding.observation import Ask, Seen
from tests.blinding.report import add
from tests.factories.worlds import twin

# Each person is explored once a process: these are explored where the planted leaks run (tests/conftest.py, TOGETHER).
WATCHED = ("coordinator", "statistician", "imaging_analyst")


@cache
def explored(person: str) -> dict[Ask, Seen]:
    """Explore the base world as one person, once a process."""
    world = twin("base")
    with looking(world, [person]) as observer:
        return Explorer(world, observer, person).explore()


def differences(person: str, name: str, plan: dict[Ask, Seen]) -> list[str]:
    """Ask a world what the base was asked; name each channel that differs."""
    found: list[str] = []

    def compare(ask: Ask, seen: Seen) -> None:
        for channel, value in seen.items():
            if value != plan[ask][channel]:
                where = first_difference(value, plan[ask][channel])
                found.append(f"{channel} of {ask.role} {ask.method} {ask.path}: {where}")

    with looking(twin(name), [person]) as observer:
        replay(observer, plan, compare)
    add(f"requests in world {name}", len(plan))
    add(f"differences in world {name}", len(found))
    return found


def first_difference(here: bytes, there: bytes) -> str:
    """Return the surroundings of the first byte that differs."""
    place = next((i for i, (a, b) in enumerate(zip(here, there, strict=False)) if a != b), min(len(here), len(there)))
    part = slice(max(0, place - 60), place + 60)
    return f"{here[part]!r} against {there[part]!r}"


def is_randomization(ask: Ask) -> bool:
    """Whether the request takes a slot."""
    return ask.method == "POST" and "/randomize/" in ask.path


def is_success(seen: Seen) -> bool:
    """Whether a request was answered, or carried out and sent on."""
    sent_on = seen["status"] in {b"301", b"302", b"303"} and b"/account/login" not in seen["headers"]
    return seen["status"].startswith(b"2") or sent_on


def halves(base: dict[Ask, Seen]) -> tuple[dict[Ask, Seen], dict[Ask, Seen]]:
    """Return two disjoint parts that together have a request for each route, method and status.

    Whatever a request wrote is taken back (`Observer.see`), so a part of the plan can be asked without the rest.
    """
    kinds: dict[tuple[str, str, bytes], Ask] = {}
    for ask, seen in base.items():
        kinds.setdefault((ask.route, ask.method, seen["status"]), ask)
    asked = list(kinds.values())
    return {ask: base[ask] for ask in asked[::2]}, {ask: base[ask] for ask in asked[1::2]}
