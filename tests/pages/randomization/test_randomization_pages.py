"""Pages around a randomization: code, receipt, numbers given on paper, corrections, messages, emergency sheets."""

import datetime
import io
import uuid
from collections.abc import Iterator

import pytest
from pypdf import PdfReader

from participants.models import Participant
from sessions.allocation.models import EmergencySheet
from sessions.models import OutboxMessage, PaperRandomization, RandomizedInError, StratumCorrection
from studyportal import clock
from tests.conftest import standing_at
from tests.factories import journey, second_factor
from tests.factories.mailing import delivered
from tests.factories.people import PASSWORD
from tests.factories.sheets import numbers_on, sheet
from tests.factories.world import World

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 7, 25, 12, tzinfo=datetime.UTC)
ONE = "/participants/XO-001/"


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with clock.at(NOW):
        yield


def page(response: object) -> str:
    return response.content.decode()


def pdf(response: object) -> str:
    assert response.headers["Content-Type"] == "application/pdf"
    return "".join(one.extract_text() for one in PdfReader(io.BytesIO(response.content)).pages)


# The wizard


def test_the_review_page_shows_strata_and_every_precondition(world: World, client_for) -> None:
    journey.eligible(world)
    shown = page(client_for(world.coordinator).get(f"{ONE}randomize/?step=3"))
    for words in ("01 North", "Female", "Consent", "Eligibility", "Baseline", "In screening", "Site open"):
        assert words in shown
    assert 'name="stratum" value="01|F"' in shown
    assert 'name="code"' not in shown
    assert "You have no second factor." in shown


def test_a_person_with_an_authenticator_is_asked_for_its_code(world: World, client_for) -> None:
    journey.activate_list(world)
    journey.eligible(world)
    second_factor.enrol(world.coordinator)
    client, key = client_for(world.coordinator), str(uuid.uuid4())
    assert 'name="code"' in page(client.get(f"{ONE}randomize/?step=3"))
    given = {"request_id": key, "stratum": "01|F", "password": PASSWORD}
    for code, words in (("", "Enter the six digits"), ("000", "Wait for the next code")):
        answer = client.post(f"{ONE}randomize/", given | {"code": code})
        assert (answer.status_code, answer["Location"]) == (302, f"{ONE}randomize/?step=3")
        shown = page(client.get(answer["Location"]))
        assert words in shown
        assert key in shown
    code = second_factor.code_of(world.coordinator)
    assert client.post(f"{ONE}randomize/", given | {"code": code}).url == f"{ONE}randomization/"
    # Reload of the same post, and the lost answer asked for again: the same receipt, no second code.
    assert client.post(f"{ONE}randomize/", given | {"code": code}).url == f"{ONE}randomization/"
    assert OutboxMessage.objects.filter(kind="randomized").count() == 1


def test_strata_that_changed_meanwhile_are_shown_again(world: World, client_for) -> None:
    journey.activate_list(world)
    journey.eligible(world)
    answer = client_for(world.coordinator).post(
        f"{ONE}randomize/", {"request_id": uuid.uuid4(), "stratum": "01|M", "password": PASSWORD}
    )
    assert answer.status_code == 422
    assert "The strata were corrected after you confirmed them." in page(answer)
    assert Participant.objects.get().randomization_number == ""


def test_the_receipt_has_both_times_and_a_code_and_prints_with_a_name(world: World, client_for) -> None:
    journey.activate_list(world)
    done = journey.randomized(world)
    client = client_for(world.coordinator)
    shown = page(client.get(f"{ONE}randomization/"))
    assert "25 Jul 2026, 13:00 BST" in shown
    assert "25 Jul 2026, 12:00 UTC" in shown
    code = client.get(f"{ONE}randomization/code.svg")
    assert (code.headers["Content-Type"], code.content[:4]) == ("image/svg+xml", b"<svg")
    answer = client.get(f"{ONE}randomization/receipt.pdf")
    assert answer.headers["Content-Disposition"] == 'inline; filename="randomization-XO-001.pdf"'
    text = pdf(answer)
    for words in (
        done.randomization_number, "XO-001", "01 North", "Female", "25 Jul 2026, 13:00 BST", "25 Jul 2026, 12:00 UTC",
        "Printed by Coordinator, 25 Jul 2026, 13:00 BST", "Treatment hidden", "SYNTHETIC",
    ):  # fmt: skip
        assert words in text
    for secret in ("Placebo", "Naltrexone", "AB", "BA", "Robin"):
        assert secret not in text.split()
    for path in ("randomization/receipt.pdf", "randomization/code.svg"):
        assert client_for(world.south_coordinator).get(f"{ONE}{path}").status_code == 404
        assert client_for(world.rater).get(f"{ONE}{path}").status_code == 404


# On paper


def test_a_number_given_on_paper_is_entered(world: World, client_for) -> None:
    journey.activate_list(world)
    numbers = numbers_on(sheet(world))["paper|01|F"]
    participant = journey.eligible(world)
    Participant.objects.update(screened_at=NOW - datetime.timedelta(days=2))
    client = client_for(world.coordinator)
    assert "Enter a number given on paper" in page(client.get(ONE))
    shown = page(client.get(f"{ONE}paper-randomization/"))
    assert "01 North" in shown
    given = {
        "request_id": str(uuid.uuid4()), "number": numbers[1], "given_at_0": "25", "given_at_1": "7",
        "given_at_2": "2026", "given_at_3": "09:30", "given_by": "N. Night", "outage": "Power cut",
        "password": PASSWORD,
    }  # fmt: skip
    refused = client.post(f"{ONE}paper-randomization/", given)
    assert refused.status_code == 422
    assert "An earlier number of the column has not been entered" in page(refused)
    assert 'value="N. Night"' in page(refused)
    assert PASSWORD not in page(refused)
    assert client.post(f"{ONE}paper-randomization/", given | {"number": ""}).status_code == 422
    assert Participant.objects.get().randomization_number == ""
    done = client.post(f"{ONE}paper-randomization/", given | {"was_given_so": "on"})
    assert done.url == f"{ONE}randomization/"
    participant.refresh_from_db()
    assert participant.randomized_at == datetime.datetime(2026, 7, 25, 8, 30, tzinfo=datetime.UTC)
    assert "Given on paper by" in page(client.get(f"{ONE}randomization/"))
    record = page(client.get(ONE))
    assert "given by N. Night" in record
    assert "Randomized on paper by N. Night: Power cut" in record
    assert client.get(f"{ONE}paper-randomization/").url == f"{ONE}randomization/"
    assert PaperRandomization.objects.count() == 1


# Corrections


def test_a_wrong_stratum_is_corrected_on_its_page(world: World, client_for) -> None:
    journey.activate_list(world)
    done = journey.randomized(world)
    client = client_for(world.coordinator)
    assert "Nobody is drawn again" in page(client.get(f"{ONE}strata/"))
    refused = client.post(f"{ONE}strata/", {"sex": "F", "reason": "Misread", "password": PASSWORD})
    assert refused.status_code == 422
    assert "The record says female already." in page(refused)
    assert client.post(f"{ONE}strata/", {"sex": "M", "reason": "Misread", "password": PASSWORD}).url == ONE
    assert "Female at the allocation, right is Male. Misread" in page(client.get(ONE))
    assert done.randomization_number in page(client.get(ONE))
    assert StratumCorrection.objects.count() == 1
    assert client_for(world.monitor).get(f"{ONE}strata/").status_code == 403
    assert client_for(world.south_coordinator).get(f"{ONE}strata/").status_code == 404


def test_before_randomization_the_page_says_so(world: World, client_for) -> None:
    journey.screened(world)
    assert "has not been randomized. The record is corrected" in page(
        client_for(world.coordinator).get(f"{ONE}strata/")
    )
    assert client_for(world.coordinator).get(f"{ONE}randomized-in-error/").status_code == 404


def test_an_error_is_marked_on_its_page_once(world: World, client_for) -> None:
    journey.activate_list(world)
    journey.randomized(world)
    client = client_for(world.investigator)
    assert "Randomized in error" in page(client.get(ONE))
    assert "The mark cannot be taken back." in page(client.get(f"{ONE}randomized-in-error/"))
    given = {"reason": "Not eligible", "password": PASSWORD}
    refused = client.post(f"{ONE}randomized-in-error/", given | {"reason": ""})
    assert refused.status_code == 422
    assert client.post(f"{ONE}randomized-in-error/", given).url == ONE
    record = page(client.get(ONE))
    assert "stays in the intention-to-treat analysis" in record
    assert "randomized-in-error/" not in record
    again = client.post(f"{ONE}randomized-in-error/", given)
    assert again.status_code == 422
    assert "marked as randomized in error already" in page(again)
    assert RandomizedInError.objects.count() == 1
    assert client_for(world.monitor).post(f"{ONE}randomized-in-error/", given).status_code == 403


# Messages


def test_messages_show_what_was_sent_and_what_waits(world: World, client_for, settings) -> None:
    journey.activate_list(world)
    journey.randomized(world)
    client = client_for(world.coordinator)
    shown = page(client.get("/messages/"))
    assert shown.count("Waiting") == 2
    assert "XO-001" in shown
    administrators = page(client_for(world.administrator).get("/messages/"))
    assert "Randomization confirmed" in administrators
    assert "XO-001" not in administrators
    OutboxMessage.objects.filter(kind="randomized").update(attempts=2, failure="SMTPServerDisconnected")
    assert "tried 2 times" in page(client.get("/messages/"))
    row = OutboxMessage.objects.get(kind="randomized")
    assert client.post(f"/messages/{row.pk}/again/").url == "/messages/"
    delivered()
    assert page(client.get("/messages/")).count(">Sent<") == 2
    assert "This message was sent" in page(client.post(f"/messages/{row.pk}/again/", follow=True))
    assert client_for(world.rater).get("/messages/").status_code == 404
    assert client_for(world.monitor).get("/messages/").status_code == 403
    assert client_for(world.south_coordinator).post(f"/messages/{row.pk}/again/").status_code == 404
    assert "No message has been written yet." in page(client_for(world.south_coordinator).get("/messages/"))


# At the vault


def test_a_sheet_is_made_and_printed_at_the_vault(world: World, client_for) -> None:
    journey.activate_list(world)
    client = client_for(world.pharmacist, door="vault")
    assert "None yet." in page(client.get("/lists/emergency-sheets/"))
    refused = client.post("/lists/emergency-sheets/", {"site": "01", "per_stratum": "99"})
    assert refused.status_code == 422
    assert "Enter a whole number from 1 to 12." in page(refused)
    assert client.post("/lists/emergency-sheets/", {"per_stratum": "2"}).status_code == 422
    made = client.post("/lists/emergency-sheets/", {"site": "01", "per_stratum": "2"}, follow=True)
    assert "Sheet 1, 01 North, 4 numbers" in page(made)
    with standing_at("vault"):
        key = EmergencySheet.objects.get().pk
    printed = pdf(client.get(f"/lists/emergency-sheets/{key}/sheet.pdf"))
    assert "Emergency randomization, sheet 1" in printed
    assert "Printed by Pharmacist, 25 Jul 2026, 12:00 UTC" in printed
    assert client.get(f"/lists/emergency-sheets/{uuid.uuid4()}/sheet.pdf").status_code == 404
    with standing_at("vault"):
        assert EmergencySheet.objects.count() == 1
