"""Versions of the consent form: one after the other, and randomization asks for the one in use."""

import datetime
from collections.abc import Iterator

import pytest

from participants.models import ConsentVersion
from participants.selectors import consent_version_on
from participants.services.consent_versions import add_version
from sessions.policies import randomization_preconditions
from studyportal import clock
from studyportal.errors import InvalidInput, NotPermitted
from tests.factories import journey
from tests.factories.world import World

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)
TODAY = NOW.date()
HERE = "/participants/consent-versions/"


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


def test_a_version_is_in_use_until_the_next_ones_first_day(world: World) -> None:
    assert consent_version_on(world.study, TODAY) is None
    for version, day in (("3.0", TODAY - datetime.timedelta(days=9)), ("3.1", TODAY + datetime.timedelta(days=1))):
        add_version(study=world.study, version=version, valid_from=day, by=world.data_manager)
    assert str(consent_version_on(world.study, TODAY)) == "consent form 3.0"
    assert str(consent_version_on(world.study, TODAY + datetime.timedelta(days=1))) == "consent form 3.1"
    assert consent_version_on(world.study, TODAY - datetime.timedelta(days=10)) is None
    participant = journey.eligible(world)  # on 3.1, which is not in use yet
    consent = randomization_preconditions(participant)[0]
    assert (consent.is_met, consent.detail) == (
        False, "Version 3.1 is not in use now. Record a consent on version 3.0.",
    )  # fmt: skip
    with clock.at(NOW + datetime.timedelta(days=1)):
        assert randomization_preconditions(participant)[0].is_met


@pytest.mark.parametrize(
    ("version", "day", "fields"),
    [
        ("", TODAY, {"version": "Enter the version printed on the form, for example 3.1."}),
        ("1234567890123", TODAY, {"version": "Enter the version printed on the form, for example 3.1."}),
        ("3.0", TODAY, {"version": "Version 3.0 is on file already."}),
        (
            "3.1", TODAY - datetime.timedelta(days=9),
            {"valid_from": "Version 3.0 begins on that day or later. Choose a later day."},
        ),
    ],
)  # fmt: skip
def test_a_bad_version_is_refused_beside_its_field(
    world: World, version: str, day: datetime.date, fields: dict[str, str]
) -> None:
    first = TODAY - datetime.timedelta(days=9)
    add_version(study=world.study, version="3.0", valid_from=first, by=world.data_manager)
    with pytest.raises(InvalidInput) as refused:
        add_version(study=world.study, version=version, valid_from=day, by=world.data_manager)
    assert refused.value.fields == fields
    assert ConsentVersion.objects.count() == 1


def test_the_page_lists_and_adds_for_the_data_manager_only(world: World, client_for) -> None:
    client = client_for(world.data_manager)
    assert "None is on file" in client.get(HERE).content.decode()
    typed = {"version": "3.1", "valid_from_0": "25", "valid_from_1": "11", "valid_from_2": "2026"}
    assert client.post(HERE, typed).url == HERE
    refused = client.post(HERE, typed)
    assert refused.status_code == 422
    assert "Version 3.1 is on file already." in refused.content.decode()
    assert "Version 3.1</b> from 25 Nov 2026" in client.get(HERE).content.decode()
    for role, status in (("coordinator", 403), ("rater", 404)):
        assert client_for(world.people[role]).post(HERE, typed | {"version": "9"}).status_code == status
    with pytest.raises(NotPermitted):
        add_version(study=world.study, version="9", valid_from=TODAY, by=world.coordinator)
    assert ConsentVersion.objects.count() == 1
