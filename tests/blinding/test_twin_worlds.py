"""For a blinded person, two worlds that differ in who has which sequence are the same, byte for byte."""

from collections import Counter

import pytest

from tests.blinding.comparison import (
    differences,
    explored,
    is_randomization,
    is_success,
    part,
)
from tests.blinding.observation import Ask, Seen
from tests.blinding.report import add, figure
from tests.blinding.routes import PEOPLE, ROLES, Route, routes
from tests.factories.worlds import PLACES, SECRETS, SEQUENCES, SLOTS, TAKEN, twin

pytestmark = [pytest.mark.blinding, pytest.mark.no_cover]

OTHERS = tuple(name for name in SECRETS if name != "swap")
PARTS = 2 * len(OTHERS)
FACTOR = "reached with a second factor only"
# Routes that answer nobody of a role with success in these worlds though the role may open them, and why.
EXCUSED: dict[str, str] = {
    "study-lock-ask": "one signature waits already in these worlds, so that its confirmation can be asked for",
    "account_login": "a person who is signed in is sent on; anonymous people are answered",
    "account_inactive": "shown to people whose account was closed",
    "account_reauthenticate": "sent on to the second factor where there is one",
    "mfa_authenticate": "a step of signing in, reached with a second factor only",
    "mfa_reauthenticate": FACTOR,
    "mfa_deactivate_totp": FACTOR,
    "mfa_view_recovery_codes": FACTOR,
    "mfa_generate_recovery_codes": FACTOR,
    "commitment-bundle": "given once a study is locked and its reveal is published, which ends the secret",
}
# Routes of one's own tokens: members may open them, only roles that include exports own tokens.
EXPORTERS_ONLY = ("tokens", "token-revoke")


@pytest.mark.parametrize("person", PEOPLE)
def test_a_person_sees_the_same_whoever_has_which_sequence(person: str) -> None:
    """Explore the base as one person, then ask every other world the same."""
    base = explored(person)
    add("requests in world base", len(base))
    assert faults(base) == []
    assert unreached(person, base) == [], (
        "The crawl reaches these with no success. Give the story a record in the right state "
        "(tests/factories/world_story.py), a body to SCRIPTED in tests/blinding/crawl.py or an answer to WORDS in "
        "tests/blinding/pages_read.py; where success is impossible, give the reason in EXCUSED."
    )
    assert told_too_much(person, base) == []
    # A/A: two builds of one plan. Without this no other verdict counts.
    assert differences(person, "again", part(base, 0, 4)) == []
    # Everything exchanged is asked everything; the others share every second kind of answer among them.
    assert differences(person, "swap", base) == []
    for number, name in enumerate(OTHERS):
        asked = part(base, 2 * number, PARTS)
        if name == "exhausted":
            # Only who tries to randomize in the used-up stratum can notice, and reads what is read without any list.
            asked = {ask: seen for ask, seen in asked.items() if not is_randomization(ask)}
        assert differences(person, name, asked) == []
    add("people compared", 1)


def faults(base: dict[Ask, Seen]) -> list[str]:
    """Return requests that were answered by a fault of ours."""
    return [f"{a.role} {a.method} {a.path} {a.data[:60]}" for a, s in base.items() if s["status"].startswith(b"5")]


def unreached(person: str, base: dict[Ask, Seen]) -> list[str]:
    """Return routes that the person may open and that never succeeded."""
    reached = {ask.route for ask, seen in base.items() if is_success(seen)}
    mine = [route for route in routes() if route.opens_for(person)] if person in {*ROLES, "anonymous"} else []
    add("routes x roles reached", len(reached & {route.name for route in mine}))
    return [
        f"{route.name} (/{route.template})"
        for route in mine
        if route.name not in reached
        and route.name not in EXCUSED
        and not (is_for_exporters(route) and person not in twin("base").tokens)
    ]


def is_for_exporters(route: Route) -> bool:
    """Whether only a role with a token can succeed here."""
    return route.template.startswith("api/v1/") or route.name in EXPORTERS_ONLY


def told_too_much(person: str, base: dict[Ask, Seen]) -> list[str]:
    """Return routes that a role may not open and that answered something else than a refusal."""
    closed = {route.name for route in routes() if person in ROLES and not route.opens_for(person)}
    allowed = {b"401", b"403", b"404", b"405"}
    return [f"{ask.method} {ask.path}" for ask, s in base.items() if ask.route in closed and s["status"] not in allowed]


def test_the_worlds_differ_in_nothing_but_the_secret() -> None:
    base = twin("base")
    first, second = SEQUENCES.values()
    assert len(base.sequences) == len(TAKEN) == 5
    links = {"base": base.sequences}
    for name in SECRETS:
        other = twin(name)
        links[name] = other.sequences
        assert other.sequences.keys() == base.sequences.keys()
        assert (other.tokens, other.values) == (base.tokens, base.values)
        if name != "exhausted":
            assert other.slots.keys() == base.slots.keys()
            assert other.slots != base.slots, f"{name} is no other world, so it would prove nothing"
    assert all(code != links["swap"][number] for number, code in base.sequences.items())
    changed = [
        [number for number, code in links[f"one_{n}"].items() if code != base.sequences[number]]
        for n in range(1, len(TAKEN) + 1)
    ]
    assert changed == [["XO-001"], ["XO-002"], ["XO-003"], ["XO-004"], ["XO-005"]]
    assert set(links["const"].values()) == {first}
    assert len({tuple(links[f"list_{n}"].values()) for n in range(1, 6)} | {tuple(base.sequences.values())}) >= 4
    assert twin("again").slots == base.slots
    taken = Counter(number in base.slots for number in twin("exhausted").slots)
    assert len(base.slots) == PLACES
    assert taken == {True: PLACES * 3 // SLOTS}
    assert second in base.sequences.values()
    figure("worlds", len(SECRETS) + 1)
    figure("people", len(PEOPLE))
    figure("roles", len(ROLES))


def test_the_vault_is_not_mounted_here() -> None:
    here = {route.template for route in routes()}
    there = {route.template for route in routes("studyportal.vault_urls")}
    secret = {template for template in there if template.startswith(("lists/", "report/", "log/", "allocations/"))}
    assert secret
    assert here & secret == set()


def test_a_route_that_is_not_known_says_what_to_add() -> None:
    route = Route("kits/<uuid:kit_id>/", "kit", "public")
    with pytest.raises(AssertionError, match="Add its values by that name"):
        route.addresses(twin("base"))
