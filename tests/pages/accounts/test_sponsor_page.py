"""The sponsor's contact, whom an unblinding is told."""

import pytest

from tests.factories.world import World

pytestmark = pytest.mark.django_db


def test_the_administrator_keeps_the_contact(world: World, client_for) -> None:
    client = client_for(world.administrator)
    assert "Sponsor&#x27;s contact" in client.get("/account/team/").content.decode() or "Sponsor's contact" in (
        client.get("/account/team/").content.decode()
    )
    assert client.post("/account/sponsor/", {"name": "Sam Sponsor", "email": "sam@sponsor.example"}).status_code == 302
    world.study.refresh_from_db()
    assert (world.study.sponsor_name, world.study.sponsor_email) == ("Sam Sponsor", "sam@sponsor.example")
    assert 'value="sam@sponsor.example"' in client.get("/account/sponsor/").content.decode()
    refused = client.post("/account/sponsor/", {"name": "Sam", "email": "nobody"})
    assert refused.status_code == 422
    assert "Enter an address like" in refused.content.decode()
    assert client.post("/account/sponsor/", {"name": "", "email": ""}).status_code == 302


@pytest.mark.parametrize(("person", "status"), [("coordinator", 403), ("investigator", 403), ("rater", 403)])
def test_nobody_else_changes_it(world: World, client_for, person: str, status: int) -> None:
    said = {"name": "Eve", "email": "eve@example.org"}
    assert client_for(world.people[person]).post("/account/sponsor/", said).status_code == status
    world.study.refresh_from_db()
    assert world.study.sponsor_email == ""
