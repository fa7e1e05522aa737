"""What every printed page bears: who printed it, when, at which door, and where it came from."""

import datetime
import re

import pytest
import time_machine

from tests.factories.world import World

pytestmark = pytest.mark.django_db
LINE = re.compile(r'<p class="printed" aria-hidden="true">(.*?)</p>')
NOW = datetime.datetime(2026, 6, 3, 10, 0, tzinfo=datetime.UTC)


def printed(page: str) -> list[str]:
    """Return the parts of the line."""
    (line,) = LINE.findall(page)
    return re.findall(r"<span>(.*?)</span>", line)


@pytest.mark.parametrize(
    ("door", "person", "path", "words"),
    [
        ("web", "coordinator", "/participants/?search=XO", "Treatment hidden"),
        ("web", "rater", "/ratings/", "Treatment hidden"),
        ("vault", "pharmacist", "/allocations/", "Treatment visible"),
        ("vault", "pharmacist", "/report/", "Treatment visible"),
    ],
)
def test_every_page_says_who_printed_it(
    world: World, client_for, door: str, person: str, path: str, words: str
) -> None:
    """Refusals too; what was searched for stays off the paper."""
    client = client_for(world.people[person], door)
    with time_machine.travel(NOW, tick=False):
        page = client.get(path).content.decode()
    name = world.people[person].full_name
    address = f"testserver{path.partition('?')[0]}"
    assert printed(page) == [f"Printed by {name}", "page as of 3 Jun 2026, 10:00 UTC", words, address]
    assert ('class="watermark"' in page) is (door == "vault")


def test_nobody_is_named_before_sign_in(client_for) -> None:
    assert LINE.findall(client_for().get("/account/login/").content.decode()) == []
