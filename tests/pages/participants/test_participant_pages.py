"""Screening, consent, eligibility, identity and leaving, through the browser's door."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from participants.models import Consent, EligibilityAssessment, Participant, ScreenFailure, Withdrawal
from studyportal import clock
from tests.factories import journey
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db
PERSON = {
    "site": "01", "full_name": "Robin Example", "born_on_0": "4", "born_on_1": "5", "born_on_2": "1992", "sex": "F",
    "contact": "",
}  # fmt: skip


def parts(name: str, day: datetime.date | None = None) -> dict[str, str]:
    day = day or clock.today("Europe/London")
    return {f"{name}_0": str(day.day), f"{name}_1": str(day.month), f"{name}_2": str(day.year)}


TOMORROW = datetime.timedelta(days=1)


def page(response) -> str:
    return response.content.decode()


# Screening


def test_screening_leads_to_the_record(world: World, client_for) -> None:
    client = client_for(world.coordinator)
    response = client.post("/participants/screen/", PERSON, follow=True)
    assert response.redirect_chain == [("/participants/XO-001/", 302)]
    assert "XO-001 is screened. Next: record the signed consent form." in page(response)
    assert "Robin" not in page(response)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"born_on_2": "2090"}, "The birth date must lie in the past."),
        ({"born_on_0": "abc"}, "The day must be a number."),
        ({"born_on_1": "13"}, "There is no such day: 4 13 1992."),
        ({"born_on_2": "2015"}, "this birth date gives"),
        ({"full_name": ""}, "Enter the person&#x27;s full name."),
        ({"site": "09"}, "Choose one of the answers that are offered."),
        ({"sex": ""}, "Choose female or male."),
    ],
)
def test_screening_keeps_what_was_typed_and_changes_nothing(
    world: World, client_for, changes: dict[str, str], said: str
) -> None:
    response = client_for(world.coordinator).post("/participants/screen/", PERSON | {"contact": "020 1"} | changes)
    assert response.status_code == 422
    assert said in page(response)
    assert 'value="020 1"' in page(response)
    assert "Error: Screen a participant" in page(response)
    assert not Participant.objects.exists()


def test_a_coordinator_of_one_site_screens_there_only(world: World, client_for) -> None:
    client = client_for(world.south_coordinator)
    assert "01 North" not in page(client.get("/participants/screen/"))
    assert client.post("/participants/screen/", PERSON).status_code == 422
    for stranger, status in ((world.rater, 404), (world.monitor, 403), (world.administrator, 403)):
        assert client_for(stranger).post("/participants/screen/", PERSON).status_code == status
    assert not Participant.objects.exists()


def test_an_expired_session_leads_to_sign_in_and_changes_nothing(world: World, client_for) -> None:
    response = client_for().post("/participants/screen/", PERSON)
    assert (response.status_code, response.url.split("?")[0]) == (302, "/account/login/")
    assert not Participant.objects.exists()


# Consent


def test_consent_is_recorded_and_a_second_submit_is_refused(world: World, client_for) -> None:
    journey.screened(world)
    client, given = client_for(world.coordinator), {"form_version": "3.1", **parts("signed_on")}
    assert client.post("/participants/XO-001/consent/", given).url == "/participants/XO-001/"
    response = client.post("/participants/XO-001/consent/", given)
    assert response.status_code == 422
    assert "Consent version 3.1 is on file already." in page(response)
    assert Consent.objects.count() == 1


def test_consent_in_the_future_keeps_what_was_typed(world: World, client_for) -> None:
    journey.screened(world)
    day = clock.today("Europe/London") + TOMORROW
    response = client_for(world.coordinator).post(
        "/participants/XO-001/consent/", {"form_version": "3.1", **parts("signed_on", day)}
    )
    assert response.status_code == 422
    assert "The form cannot have been signed in the future." in page(response)
    assert 'value="3.1"' in page(response)
    assert not Consent.objects.exists()


def test_consent_is_withdrawn_by_its_own_form(world: World, client_for) -> None:
    journey.eligible(world)
    client = client_for(world.coordinator)
    address = "/participants/XO-001/consent/withdrawal/"
    assert "Version 3.1" in page(client.get(address))
    response = client.post(address, {"reason": "", **parts("withdrawn_on")})
    assert (response.status_code, Consent.objects.get().withdrawn_on) == (422, None)
    response = client.post(address, {"reason": "Telephone call", **parts("withdrawn_on")}, follow=True)
    assert "XO-001 withdrew consent." in page(response)
    assert Participant.objects.get().status == "withdrawn"
    assert "no consent in force" in page(client.post(address, {"reason": "Again", **parts("withdrawn_on")}))


# Eligibility


def test_eligibility_is_answered_then_signed(world: World, client_for) -> None:
    journey.screened(world)
    client, address = client_for(world.coordinator), "/participants/XO-001/eligibility/"
    response = client.post(address, {"I1": "yes"})
    assert response.status_code == 422
    assert page(response).count("Answer yes or no.") == 4  # beside two criteria and in the summary
    assert not EligibilityAssessment.objects.exists()
    assert client.post(address, {"I1": "yes", "I2": "yes", "E1": "no"}).status_code == 302
    assert page(client.get(address)).count(" checked") == 3
    sign = f"{address}sign/"
    assert client.get(sign).status_code == 403
    investigator = client_for(world.investigator)
    shown = page(investigator.get(sign))
    assert "Every criterion is met." in shown
    assert "I have checked every criterion" in shown
    response = investigator.post(sign, {"password": "wrong"})
    assert response.status_code == 422
    assert "Enter your own password again." in page(response)
    assert EligibilityAssessment.objects.get().signed_at is None
    assert "is signed." in page(investigator.post(sign, {"password": PASSWORD}, follow=True))
    response = investigator.post(sign, {"password": PASSWORD})
    assert response.status_code == 422
    assert "signed already" in page(response)
    response = client.post(address, {"I1": "no", "I2": "yes", "E1": "no"})
    assert response.status_code == 422
    assert EligibilityAssessment.objects.get().answers["I1"] is True


def test_unmet_criteria_are_said_before_the_signature(world: World, client_for) -> None:
    participant = journey.screened(world)
    investigator = client_for(world.investigator)
    sign = "/participants/XO-001/eligibility/sign/"
    assert "not been answered yet" in page(investigator.get(sign))
    assert investigator.post(sign, {"password": PASSWORD}).status_code == 422
    journey.record_eligibility(participant=participant, answers=journey.ANSWERS | {"E1": True}, by=world.coordinator)
    assert "At least one criterion is not met" in page(investigator.get(sign))


# Identity


def test_identity_is_shown_after_asking_only(world: World, client_for) -> None:
    journey.screened(world)
    client = client_for(world.coordinator)
    asked = client.get("/participants/XO-001/identity/")
    assert "Robin Example" not in page(asked)
    shown = client.post("/participants/XO-001/identity/")
    assert "Robin Example" in page(shown)
    assert "4 May 1992" in page(shown)
    assert shown.headers["Cache-Control"] == "no-store"
    for stranger, status in ((world.monitor, 403), (world.rater, 404), (world.statistician, 403)):
        assert client_for(stranger).post("/participants/XO-001/identity/").status_code == status


# Leaving


def test_a_participant_withdraws_once(world: World, client_for) -> None:
    journey.screened(world)
    client, address = client_for(world.coordinator), "/participants/XO-001/withdraw/"
    response = client.post(address, {"reason": "", "note": "kept words", **parts("withdrawn_on")})
    assert response.status_code == 422
    assert "kept words" in page(response)
    assert "Choose a reason." in page(response)
    assert not Withdrawal.objects.exists()
    given = {"reason": "lost", "note": "", **parts("withdrawn_on")}
    assert client.post(address, given).url == "/participants/XO-001/"
    assert "has left the study (withdrawn)" in page(client.post(address, given))
    assert Withdrawal.objects.count() == 1


def test_screening_ends_once(world: World, client_for) -> None:
    journey.screened(world)
    client, address = client_for(world.coordinator), "/participants/XO-001/screen-failure/"
    assert client.post(address, {"reason": "other"}).status_code == 422
    assert not ScreenFailure.objects.exists()
    given = {"reason": "not_eligible", "note": "", **parts("failed_on")}
    assert "The screening of XO-001 has ended." in page(client.post(address, given, follow=True))
    assert client.post(address, given).status_code == 422
    assert ScreenFailure.objects.count() == 1
    assert client_for(world.monitor).post(address, given).status_code == 403


FORMS = ["consent/", "consent/withdrawal/", "eligibility/", "identity/", "withdraw/", "screen-failure/", ""]


@pytest.mark.parametrize("tail", FORMS)
def test_another_sites_participant_does_not_exist(world: World, client_for, tail: str) -> None:
    journey.screened(world)
    for stranger in (world.south_coordinator, world.outsider):
        client = client_for(stranger)
        response = client.get(f"/participants/XO-001/{tail}")
        assert response.status_code == 404
        assert "There is no participant XO-001 at your sites." in page(response)
        if tail:
            assert client.post(f"/participants/XO-001/{tail}", {"reason": "lost"}).status_code == 404
    assert Participant.objects.get().status == "screening"


# The list


def test_the_list_is_searched_filtered_and_paged(world: World, client_for) -> None:
    journey.screened(world)
    journey.screened(world, site=world.other_site)
    client = client_for(world.coordinator)
    everything = page(client.get("/participants/"))
    assert "XO-001" in everything
    assert "XO-002" in everything
    assert everything.count("Record the consent") == 2
    for query, seen, unseen in (
        ("search=002", "XO-002", "XO-001"), ("site=01", "XO-001", "XO-002"),
    ):  # fmt: skip
        shown = page(client.get(f"/participants/?{query}"))
        assert f'href="/participants/{seen}/"' in shown
        assert f'href="/participants/{unseen}/"' not in shown
    assert "No participant at your sites fits this search." in page(client.get("/participants/?status=completed"))
    assert page(client.get("/participants/?status=nonsense")).count("Record the consent") == 2
    assert 'href="/participants/XO-001/"' not in page(client_for(world.south_coordinator).get("/participants/"))
    assert client_for(world.rater).get("/participants/").status_code == 404


def test_an_empty_list_says_so_and_pages_turn(world: World, client_for) -> None:
    client = client_for(world.coordinator)
    assert "Nobody has been screened yet." in page(client.get("/participants/"))
    Participant.objects.bulk_create(
        Participant(
            study=world.study, site=world.site, number=f"XO-{n:03d}", sex="F", age_years=30,
            screened_by=world.coordinator,
        )
        for n in range(1, 53)
    )  # fmt: skip
    assert "Page 1 of 2" in page(client.get("/participants/?status=screening"))
    assert 'href="?status=screening&amp;page=2"' in page(client.get("/participants/?status=screening"))
    assert 'href="/participants/XO-052/"' in page(client.get("/participants/?page=2"))
    assert "Page 2 of 2" in page(client.get("/participants/?page=99"))


def statements(client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len([q for q in queries if "SESSION" not in q["sql"] and "SAVEPOINT" not in q["sql"]])


@pytest.mark.parametrize("address", ["/participants/", "/", "/participants/XO-001/"])
def test_twice_the_rows_take_the_same_queries(world: World, client_for, address: str) -> None:
    journey.activate_list(world)
    client = client_for(world.coordinator)

    def add() -> None:
        journey.screened(world)
        participant = journey.randomized(world)
        session = journey.held(world, participant)
        journey.rated(world, journey.assigned(world, session))

    add()
    client.get(address)
    once = statements(client, address)
    add()
    add()
    assert statements(client, address) == once
    assert once < 30
