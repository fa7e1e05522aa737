"""Comparing what one person sees in two worlds, request by request and channel by channel."""

from functools import cache

from tests.blinding.crawl import Explorer, looking, replay
from tests.blinding.observation import Ask, Seen
from tests.blinding.report import add
from tests.factories.worlds import twin

# Each person is explored once a process: these are explored where the planted leaks run (tests/conftest.py, TOGETHER).
WATCHED = ("coordinator", "statistician", "imaging_analyst")

# All that could be read when the crawl of the base began, by person; a request notes only what it wrote into.
BEGUN: dict[str, bytes] = {}


@cache
def explored(person: str) -> dict[Ask, Seen]:
    """Explore the base world as one person, once a process."""
    world = twin("base")
    with looking(world, [person]) as observer:
        BEGUN[person] = observer.tables()
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
        if (tables := observer.tables()) != BEGUN[person]:
            found.append(f"tables of {name} before the first request: {first_difference(tables, BEGUN[person])}")
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


def kinds_of(base: dict[Ask, Seen]) -> list[Ask]:
    """Return one request for each route, method and status, in the order of the crawl.

    Whatever a request wrote is taken back (`Observer.see`), so a part of the plan can be asked without the rest.
    """
    kinds: dict[tuple[str, str, bytes], Ask] = {}
    for ask, seen in base.items():
        kinds.setdefault((ask.route, ask.method, seen["status"]), ask)
    return list(kinds.values())


def part(base: dict[Ask, Seen], number: int, of: int) -> dict[Ask, Seen]:
    """Return one of `of` parts that together have a request of each kind, and share none."""
    return {ask: base[ask] for ask in kinds_of(base)[number % of :: of]}
