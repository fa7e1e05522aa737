"""A spectrum's page lets its uploaders withdraw it, and says so afterwards without telling reviewers the session."""

import pytest
from django.urls import reverse

from sessions.models import QuantificationRun
from tests.factories import journey, scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db
WHY = "It belongs to session 2"


@pytest.fixture
def run(world: World) -> QuantificationRun:
    journey.activate_list(world)
    scans.make_basis(world)
    return scans.finished(world, scans.uploaded(world, scans.held_session(world)))


def test_withdrawing_says_what_happened(world: World, run: QuantificationRun, client_for) -> None:
    page, act = reverse("spectrum", args=[run.spectrum_id]), reverse("spectrum-withdraw", args=[run.spectrum_id])
    client = client_for(world.coordinator)
    assert "Withdraw this file" in client.get(page).content.decode()
    refused = client.post(act, {"reason": ""})
    assert (refused.status_code, "Say in a few words why" in refused.content.decode()) == (422, True)
    assert "There is a problem" in refused.content.decode()
    done = client.post(act, {"reason": WHY}, follow=True)
    text = done.content.decode()
    assert (done.redirect_chain, "The file is withdrawn." in text) == ([(page, 302)], True)
    assert ("This file is withdrawn" in text, WHY in text, "Withdraw this file" in text) == (True, True, False)
    session = client.get(reverse("session", args=["XO-001", 1])).content.decode()
    assert (">Withdrawn</strong>" in session, WHY in session) == (True, True)
    assert "no spectrum" in client.get(reverse("participant", args=["XO-001"])).content.decode().lower()
    assert client.post(act, {"reason": WHY}).status_code == 422


def test_reviewers_are_told_no_reason_and_review_nothing(world: World, run: QuantificationRun, client_for) -> None:
    client = client_for(world.imaging_analyst)
    client.post(reverse("spectrum-withdraw", args=[run.spectrum_id]), {"reason": WHY})
    for address in (reverse("spectrum", args=[run.spectrum_id]), reverse("quantification", args=[run.pk])):
        text = client.get(address).content.decode()
        assert ("This file is withdrawn" in text, WHY in text) == (True, False), address
        assert not [words for words in ("Save review", "Run again", "Open the result") if words in text]


@pytest.mark.parametrize(("name", "status"), [("investigator", 403), ("monitor", 403), ("south_coordinator", 404)])
def test_others_find_no_way(world: World, run: QuantificationRun, client_for, name: str, status: int) -> None:
    client = client_for(world.people[name])
    assert "Withdraw this file" not in client.get(reverse("spectrum", args=[run.spectrum_id])).content.decode()
    answer = client.post(reverse("spectrum-withdraw", args=[run.spectrum_id]), {"reason": WHY})
    run.spectrum.refresh_from_db()
    assert (answer.status_code, run.spectrum.status) == (status, "stored")
