"""Plants every leak in the two worlds that it tells apart, asks the request on which it can be seen, and compares.

A world is entered once and all leaks are planted in it one after the other, since entering is what takes the time.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from tests.blinding.comparison import WATCHED, explored, first_difference, is_randomization, is_success
from tests.blinding.crawl import looking
from tests.blinding.leaks import LEAKS
from tests.blinding.observation import Ask, Observer, Seen
from tests.blinding.plain import look
from tests.blinding.planting import SECRET, Leak
from tests.factories.worlds import twin


@dataclass
class Finding:
    """What became of one leak: on which request and in which channels it was found, and what it gave away."""

    ask: Ask
    channels: list[str] = field(default_factory=list)
    difference: str = ""
    in_public: list[str] = field(default_factory=list)
    is_changed_in_public: bool = False
    shown_here: object = None
    shown_there: object = None
    unplanted_here: object = None
    unplanted_there: object = None


@dataclass
class Told:
    """What one world answers to the request of one leak."""

    planted: Seen
    public: Seen
    shown: object
    unplanted: object


def request_of(leak: Leak) -> Ask:
    """Return the request of the crawl on which a leak of this kind shows, one that succeeds where there is one."""
    known = {ask: seen for person in WATCHED for ask, seen in explored(person).items()}
    fitting = [
        ask
        for ask, seen in known.items()
        if ask.route in leak.sees and "nonsense" not in ask.data and leak.data in f"{ask.path}{ask.data}"
        and (leak.data or "?" not in ask.path) and leak.status in {b"", seen["status"]}
    ]  # fmt: skip
    if leak.world != "exhausted" and leak.sees == ("randomize",):
        fitting = [ask for ask in fitting if is_randomization(ask)]
    assert fitting, f"the crawl has no request on which {leak.name!r} could be seen"
    return min(fitting, key=lambda ask: not is_success(known[ask]))


@cache
def findings() -> dict[str, Finding]:
    """Return what became of every leak, once a process."""
    asked = {leak.name: request_of(leak) for leak in LEAKS}
    base = told_in("base", LEAKS, asked)
    found: dict[str, Finding] = {}
    for world in dict.fromkeys(leak.world for leak in LEAKS):
        mine = [leak for leak in LEAKS if leak.world == world]
        there = told_in(world, mine, asked)
        found |= {leak.name: compared(asked[leak.name], base[leak.name], there[leak.name]) for leak in mine}
    return found


def told_in(world: str, leaks: Iterable[Leak], asked: dict[str, Ask]) -> dict[str, Told]:
    """Enter a world, plant one leak after the other, and ask."""
    SECRET.world = twin(world)
    with looking(SECRET.world, WATCHED) as observer:
        return {leak.name: _told(observer, leak, asked[leak.name]) for leak in leaks}


def _told(observer: Observer, leak: Leak, ask: Ask) -> Told:
    unplanted = look(observer, ask, _careful(leak))
    with leak.plant():
        planted, shown = observer.see(ask), look(observer, ask, _careful(leak))
    SECRET.is_public = True
    try:
        with leak.plant():
            public = observer.see(ask)
    finally:
        SECRET.is_public = False
    return Told(planted, public, shown, unplanted)


def _careful(leak: Leak):
    def shows(plain: object) -> object:
        try:
            return leak.shows(plain)
        except (KeyError, IndexError, ValueError) as nothing:
            return f"nothing: {type(nothing).__name__}"

    return shows


def compared(ask: Ask, here: Told, there: Told) -> Finding:
    """Return how two worlds differ, and what a person without the harness finds."""
    one, other = here.planted, there.planted
    channels = [channel for channel in one if one[channel] != other[channel]]
    return Finding(
        ask=ask, channels=channels,
        difference=first_difference(one[channels[0]], other[channels[0]]) if channels else "",
        in_public=[
            f"{channel}: {first_difference(here.public[channel], there.public[channel])}"
            for channel in here.public
            if here.public[channel] != there.public[channel]
        ],
        is_changed_in_public=here.public != explored(ask.role)[ask],
        shown_here=here.shown, shown_there=there.shown,
        unplanted_here=here.unplanted, unplanted_there=there.unplanted,
    )  # fmt: skip
