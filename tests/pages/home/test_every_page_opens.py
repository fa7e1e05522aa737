"""Every page of this part opens for who may, with few queries, and says no to who may not."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import journey
from tests.factories.world import World

pytestmark = pytest.mark.django_db

PAGES = [
    "/", "/participants/", "/participants/screen/", "/participants/{n}/", "/participants/{n}/consent/",
    "/participants/{n}/consent/withdrawal/", "/participants/{n}/eligibility/", "/participants/{n}/identity/",
    "/participants/{n}/withdraw/", "/participants/{n}/screen-failure/", "/participants/{n}/randomization/",
    "/participants/{n}/sessions/1/", "/participants/{n}/sessions/2/",
]  # fmt: skip


@pytest.mark.parametrize("address", PAGES)
def test_a_coordinator_opens_every_page(world: World, client_for, address: str) -> None:
    journey.activate_list(world)
    participant = journey.randomized(world)
    journey.held(world, participant)
    client = client_for(world.coordinator)
    with CaptureQueriesContext(connection) as queries:
        response = client.get(address.format(n=participant.number))
    assert response.status_code == 200
    own = [q["sql"] for q in queries if "SESSION" not in q["sql"] and "SAVEPOINT" not in q["sql"]]
    assert len(own) < 30, "\n".join(own)
