"""The gate of the gate: leaks planted on purpose are found, every one; harmless changes are not."""

import json
from collections import Counter

import pytest

from tests.blinding.comparison import WATCHED, explored, is_randomization, is_success
from tests.blinding.crawl import looking
from tests.blinding.leaks import HARMLESS, LEAKS
from tests.blinding.observation import Ask, Seen
from tests.blinding.planting import SECRET, Leak
from tests.blinding.report import add
from tests.factories.worlds import copy_of, twin

pytestmark = [pytest.mark.blinding, pytest.mark.no_cover]

AT_MOST = 8


def requests_of(leak: Leak) -> list[Ask]:
    """Return requests of the crawl on which a leak of this kind could be seen, those that succeed first."""
    known = {ask: seen for person in WATCHED for ask, seen in explored(person).items()}
    fitting = [ask for ask in known if ask.route in leak.sees and "nonsense" not in ask.data]
    if leak.world == "exhausted":
        fitting = [ask for ask in fitting if not is_randomization(ask)]
    elif "randomize" in leak.sees:
        fitting = [ask for ask in fitting if is_randomization(ask)]
    return sorted(fitting, key=lambda ask: not is_success(known[ask]))[:AT_MOST]


def seen_in(name: str, leak: Leak, asked: list[Ask]) -> list[Seen]:
    """Plant the leak in a world and ask."""
    world = twin(name)
    if leak.grants:
        world = copy_of(world, f"twin_leak_{name}", *leak.grants)
    SECRET.world = world
    with leak.plant(), looking(world, tuple(dict.fromkeys(ask.role for ask in asked))) as observer:
        return [observer.see(ask) for ask in asked]


def channels(leak: Leak) -> Counter[str]:
    """Return in which channels the base and the leak's world differ once it is planted."""
    asked = requests_of(leak)
    assert asked, f"the crawl has no request on which {leak.name!r} could be seen"
    here, there = seen_in("base", leak, asked), seen_in(leak.world, leak, asked)
    return Counter(
        channel for one, other in zip(here, there, strict=True) for channel in one if one[channel] != other[channel]
    )


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.name)
def test_a_planted_leak_is_found(leak: Leak) -> None:
    """Unplanted, the same requests show no difference (test_twin_worlds), so what is found here is the leak."""
    found = channels(leak)
    add("leaks planted", 1)
    add("leaks found", int(bool(found)))
    assert found, f"{leak.name!r} was planted and not found"


@pytest.mark.parametrize("leak", HARMLESS, ids=lambda leak: leak.name)
def test_a_change_that_does_not_follow_the_secret_is_no_leak(leak: Leak) -> None:
    assert channels(leak) == Counter()


@pytest.mark.parametrize("name", ["mrs_series", "mrs_changes", "mrs_effects", "mrs_transients"])
def test_the_crawl_reads_rows_of_every_functional_table(name: str) -> None:
    pulls = [
        json.loads(seen["body"])
        for ask, seen in explored("statistician").items()
        if ask.route == f"v1:{name}" and seen["status"] == b"200" and seen["body"].startswith(b"{")
    ]
    assert {row["participant"] for pull in pulls for row in pull["results"]} == {"XO-001", "XO-002"}


def test_the_crawl_reads_files_imports_and_the_button_of_lcmodel() -> None:
    seen_at = {ask: seen["body"] for ask, seen in explored("imaging_analyst").items() if seen["status"] == b"200"}
    bodies = {
        route: [body for ask, body in seen_at.items() if ask.route == route]
        for route in ("quantification-table", "spectrum-imports", "spectrum")
    }
    assert any(body.count(b"\n") > 2 and b"series" not in body for body in bodies["quantification-table"])
    assert any(b"LCModel 6.3-1R" in body for body in bodies["spectrum-imports"])
    assert any(b"Quantify with LCModel too" in body for body in bodies["spectrum"])


def test_the_catalogue_is_large_enough() -> None:
    assert len({leak.name for leak in LEAKS}) == len(LEAKS) >= 30
