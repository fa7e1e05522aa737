"""The pharmacy's pages: the whole way of a kit by hand, what each role finds, and what is kept when it is refused."""

import csv
import datetime
import io
import re
import uuid

import pytest
from pypdf import PdfReader

from sessions.allocation.kit_ledger import Movement
from sessions.allocation.kit_models import DispensingLabel, Kit, KitAct, KitMovement, KitShipment
from sessions.allocation.kit_signing import latest, state_of
from sessions.models import StudySession
from sessions.services import conduct
from studyportal import clock
from studyportal.accounts.roles import Role
from studyportal.audit.models import Event
from tests.conftest import standing_at
from tests.factories import journey, pharmacy
from tests.factories.people import PASSWORD, make_member
from tests.factories.world import World

pytestmark = pytest.mark.django_db

SIGNED = {"password": PASSWORD, "second": "second-pharmacist", "second_password": PASSWORD}
BLINDED = (
    "coordinator", "rater", "imaging_analyst", "monitor", "investigator", "statistician", "data_manager",
    "administrator",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _second(world: World) -> None:
    pharmacy.second_pharmacist(world)


@pytest.fixture
def pharmacist(world: World, client_for):
    return client_for(world.pharmacist, "vault")


@pytest.fixture
def depot(world: World, client_for):
    return client_for(world.unblinded_statistician, "vault")


@pytest.fixture
def waiting(world: World) -> StudySession:
    """A participant whose first session is planned, and a received shipment."""
    journey.activate_list(world)
    pharmacy.received(world)
    return pharmacy.planned(world, journey.randomized(world))


def state(number: str) -> str:
    with standing_at("vault"):
        return state_of(latest(Kit.objects.filter(number=number)).get())


def reserved() -> Kit:
    with standing_at("vault"):
        return Kit.objects.select_related("shipment").get(movements__kind=Movement.RESERVED)


def text_of(answer) -> str:
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)


def test_a_shipment_is_announced_labelled_and_received(world: World, depot, pharmacist) -> None:
    day = clock.now().date().replace(day=1)
    typed = {
        "site": str(world.site.pk), "lot": "LOT-A", "expires_on_0": "1", "expires_on_1": str(day.month),
        "expires_on_2": str(day.year + 2), "storage": "Fridge", "kits_per_treatment": "11",
    }  # fmt: skip
    answer = depot.post("/kits/shipments/new/", typed, follow=True)
    text = answer.content.decode()
    assert "Shipment S-001 is announced." in text
    with standing_at("vault"):
        shipment = KitShipment.objects.get()
        numbers = list(shipment.kits.values_list("number", flat=True))
    assert len(numbers) == 22
    assert all(number in text for number in numbers)
    sheet = depot.get(f"/kits/shipments/{shipment.pk}/labels.pdf")
    printed = text_of(sheet)
    assert len(PdfReader(io.BytesIO(sheet.content)).pages) == 2
    assert all(printed.count(number) == 1 for number in numbers)
    for words in ("For clinical trial use only", "LOT-A", "SYNTHETIC", "Printed by Unblinded Statistician", "Sponsor"):
        assert words in printed
    assert "Naltrexone" not in printed
    assert "Placebo" not in printed
    assert "S-001" in pharmacist.get("/kits/").content.decode()
    receipt = {"counted": "22", "condition": "Intact", "not_arrived": "", "damaged": "", "temperature": ""}
    refused = pharmacist.post(f"/kits/shipments/{shipment.pk}/receive/", receipt | {"password": "wrong"})
    assert refused.status_code == 422
    assert 'value="Intact"' in refused.content.decode()
    assert state(numbers[0]) == "in_transit"
    done = pharmacist.post(f"/kits/shipments/{shipment.pk}/receive/", receipt | {"password": PASSWORD}, follow=True)
    assert "The shipment is received." in done.content.decode()
    assert {state(number) for number in numbers} == {"in_stock"}


def test_a_shipment_with_a_past_expiry_is_refused_and_kept(world: World, depot) -> None:
    typed = {
        "site": str(world.site.pk), "lot": "LOT-A", "expires_on_0": "1", "expires_on_1": "2", "expires_on_2": "2020",
        "storage": "Fridge", "kits_per_treatment": "11",
    }  # fmt: skip
    answer = depot.post("/kits/shipments/new/", typed)
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "This day is past" in text
    assert 'value="LOT-A"' in text
    with standing_at("vault"):
        assert KitShipment.objects.count() == 0


def test_a_kit_is_dispensed_in_four_steps_and_its_label_printed(world: World, pharmacist, waiting, client_for) -> None:
    ward = client_for(world.coordinator)
    session_page = "/participants/XO-001/sessions/1/"
    assert "Not ready yet" in ward.get(session_page).content.decode()
    assert "XO-001" in pharmacist.get("/kits/").content.decode()
    page = f"/kits/dispense/{waiting.pk}/"
    assert "Pick a kit" in pharmacist.get(page).content.decode()
    assert pharmacist.post(page + "pick/").status_code == 302
    kit = reserved()
    text = pharmacist.get(page).content.decode()
    assert kit.number in text
    assert "autofocus" in text
    wrong = pharmacist.post(page + "scan/", {"scanned": "K-1"})
    assert wrong.status_code == 422
    assert "check the digits" in wrong.content.decode()
    assert "error-summary" not in wrong.content.decode(), "the scanner types into the field again, not into a summary"
    right = pharmacist.post(page + "scan/", {"scanned": kit.number.replace("-", "")})
    assert right.status_code == 200
    assert "Sign and dispense" in right.content.decode()
    refused = pharmacist.post(page + "sign/", {**SIGNED, "scanned": kit.number, "second": "pharmacist"})
    assert refused.status_code == 422
    assert "This is you" in refused.content.decode()
    assert DispensingLabel.objects.count() == 0
    done = pharmacist.post(page + "sign/", {**SIGNED, "scanned": kit.number}, follow=True)
    label = DispensingLabel.objects.get()
    text = done.content.decode()
    assert (done.status_code, label.number in text, kit.number in text) == (200, True, True)
    printed = text_of(pharmacist.get(f"/kits/labels/{label.pk}/label.pdf"))
    assert label.number in printed
    assert "XO-001" in printed
    assert kit.number not in printed
    seen = ward.get(session_page).content.decode()
    assert f"{label.number}" in seen
    assert kit.number not in seen
    assert "was dispensed for XO-001 in period 1 already" in pharmacist.get(page).content.decode()
    again = pharmacist.post(page + "sign/", {**SIGNED, "scanned": kit.number})
    assert again.status_code == 422
    assert DispensingLabel.objects.count() == 1
    overview = pharmacist.get("/kits/").content.decode()
    assert label.number in overview
    assert "Nothing waits." in overview


def test_a_picked_kit_goes_back(world: World, pharmacist, waiting) -> None:
    page = f"/kits/dispense/{waiting.pk}/"
    pharmacist.post(page + "pick/")
    kit = reserved()
    assert pharmacist.post(page + "back/", {"reason": ""}).status_code == 422
    assert state(kit.number) == "reserved"
    assert pharmacist.post(page + "back/", {"reason": "Postponed"}).status_code == 302
    assert state(kit.number) == "in_stock"


def test_the_overview_says_what_should_come_back(world: World, pharmacist, waiting) -> None:
    pharmacist.post(f"/kits/dispense/{waiting.pk}/pick/")
    conduct.mark_missed(session=waiting, reason="Snow", by=world.coordinator)
    assert "Picked, and not needed any more" in pharmacist.get("/kits/").content.decode()
    page = pharmacist.get(f"/kits/dispense/{waiting.pk}/").content.decode()
    assert "This session is missed" in page
    assert "Put it back into stock" in page


def test_a_refused_pick_says_why(world: World, pharmacist) -> None:
    journey.activate_list(world)
    session = pharmacy.planned(world, journey.randomized(world))
    answer = pharmacist.post(f"/kits/dispense/{session.pk}/pick/")
    assert answer.status_code == 422
    assert "does not cover the study&#x27;s design" in answer.content.decode()
    assert pharmacist.get(f"/kits/dispense/{uuid.uuid4()}/").status_code == 404


def test_a_kit_is_found_by_its_scanned_number_and_moved_by_hand(world: World, pharmacist, waiting) -> None:
    with standing_at("vault"):
        number = Kit.objects.first().number
    found = pharmacist.get("/kits/", {"number": number.lower().replace("-", " ")})
    assert (found.status_code, found["Location"]) == (302, f"/kits/kit/{number}/")
    assert pharmacist.get("/kits/", {"number": "K-00000-1"}).status_code == 422
    page = f"/kits/kit/{number}/"
    text = pharmacist.get(page).content.decode()
    assert "Put into quarantine" in text
    assert "Record the return" not in text
    refused = pharmacist.post(page + "quarantined/", {"reason": ""})
    assert refused.status_code == 422
    assert state(number) == "in_stock"
    pharmacist.post(page + "quarantined/", {"reason": "Foil loose"})
    assert state(number) == "quarantined"
    assert pharmacist.post(page + "released/", {"reason": "Checked", "password": PASSWORD}).status_code == 422
    assert state(number) == "quarantined"
    pharmacist.post(page + "released/", {"reason": "Checked", **SIGNED})
    assert state(number) == "in_stock"
    impossible = pharmacist.post(page + "returned/", {"units": "1", "password": PASSWORD})
    assert impossible.status_code == 422
    assert "the kit is in stock" in impossible.content.decode()
    assert pharmacist.post(page + "vanished/", {}).status_code == 404
    assert "K-" in text_of(pharmacist.get(page + "label.pdf"))


def test_kits_are_destroyed_under_a_certificate(world: World, pharmacist, waiting) -> None:
    with standing_at("vault"):
        number = Kit.objects.first().number
    pharmacist.post(f"/kits/kit/{number}/broken/", {"reason": "Fell", **SIGNED})
    assert "Record the destruction" in pharmacist.get(f"/kits/kit/{number}/").content.decode()
    assert pharmacist.get("/kits/destroy/").status_code == 200
    typed = {"numbers": number, "certificate": "", **SIGNED}
    assert pharmacist.post("/kits/destroy/", typed).status_code == 422
    assert state(number) == "broken"
    assert pharmacist.post("/kits/destroy/", typed | {"certificate": "C-77"}).status_code == 302
    assert state(number) == "destroyed"
    assert "Certificate C-77" in pharmacist.get(f"/kits/kit/{number}/").content.decode()


def test_one_kit_is_destroyed_from_its_page(world: World, pharmacist, waiting) -> None:
    with standing_at("vault"):
        number = Kit.objects.first().number
    pharmacist.post(f"/kits/kit/{number}/broken/", {"reason": "Fell", **SIGNED})
    answer = pharmacist.post(f"/kits/kit/{number}/destroyed/", {"certificate": "C-78", "reason": "", **SIGNED})
    assert (answer.status_code, state(number)) == (302, "destroyed")


def test_the_content_is_shown_to_who_may_know_it(world: World, pharmacist, depot, waiting, client_for) -> None:
    pharmacy.dispensed(world, waiting)
    with standing_at("vault"):
        kit = Kit.objects.get(movements__kind=Movement.DISPENSED)
        other = Kit.objects.exclude(pk=kit.pk).first()
        looked = Event.objects.filter(name="kit contents opened").count()
    page = f"/kits/kit/{kit.number}/"
    assert "What it holds" in pharmacist.get(page).content.decode()
    assert "What it holds" not in pharmacist.get(f"/kits/kit/{other.number}/").content.decode()
    assert pharmacist.get(page + "content/").status_code == 302
    assert pharmacist.post(page + "content/", {"password": "wrong"}).status_code == 422
    assert pharmacist.post(f"/kits/kit/{other.number}/content/", {"password": PASSWORD}).status_code == 404
    with standing_at("vault"):
        assert Event.objects.filter(name="kit contents opened").count() == looked
    shown = pharmacist.post(page + "content/", {"password": PASSWORD}).content.decode()
    assert ("Naltrexone 50 mg" in shown) is not ("Placebo capsule" in shown)
    assert "What it holds" in depot.get(f"/kits/kit/{other.number}/").content.decode()
    opened = depot.post(f"/kits/kit/{other.number}/content/", {"password": PASSWORD}).content.decode()
    assert ("Naltrexone 50 mg" in opened) is not ("Placebo capsule" in opened)
    assert "Contents of kits opened" in pharmacist.get("/log/").content.decode()


def _all() -> list[Kit]:
    with standing_at("vault"):
        return list(Kit.objects.all())


def test_a_recall_needs_two_and_shows_who_is_affected(world: World, depot, pharmacist, waiting) -> None:
    pharmacy.dispensed(world, waiting)
    assert depot.get("/kits/recall/").status_code == 200
    typed = {"lot": "LOT-A", "reason": "Foil", "password": PASSWORD, "second": "", "second_password": ""}
    assert depot.post("/kits/recall/", typed).status_code == 422
    with standing_at("vault"):
        assert not KitMovement.objects.filter(kind=Movement.RECALLED).exists()
    answer = depot.post("/kits/recall/", typed | SIGNED, follow=True)
    text = answer.content.decode()
    assert "Lot LOT-A is recalled." in text
    assert "XO-001" in text
    assert "Recalled" in text
    assert pharmacist.get("/kits/recall/").status_code == 403


def test_the_books_are_shown_counted_and_printed(world: World, pharmacist, waiting) -> None:
    pharmacy.dispensed(world, waiting)
    page = pharmacist.get("/kits/books/").content.decode()
    assert "The shelf has not been counted yet." in page
    assert "Announced 8, on the way 0, never arrived 0." in page
    cells = re.findall(r"<td[^>]*>(?:<b>)?(\d+)", page)
    assert cells == ["8", "7", "0", "0", "1", "0", "0", "0", "0", "0", "0"]
    assert "Not counted yet." in text_of(pharmacist.get("/kits/books/books.pdf"))
    count = f"/kits/books/{world.site.pk}/LOT-A/"
    assert "shown after the count" in pharmacist.get(count).content.decode()
    typed = {"counted": "6", "explanation": "", **SIGNED}
    refused = pharmacist.post(count, typed)
    assert refused.status_code == 422
    assert "The books say 7, you counted 6." in refused.content.decode()
    assert pharmacist.post(count, typed | {"explanation": "One lies in the fridge"}).status_code == 302
    assert pharmacist.post(f"/kits/books/{world.site.pk}/NONE/", typed).status_code == 404
    assert "Differs" in pharmacist.get("/kits/books/").content.decode()
    rows = list(csv.DictReader(io.StringIO(pharmacist.get("/kits/books/books.csv").content.decode())))
    assert [(row["Lot"], row["Received"], row["In stock"], row["Dispensed"], row["Difference"]) for row in rows] == [
        ("LOT-A", "8", "7", "1", "0")
    ]
    printed = text_of(pharmacist.get("/kits/books/books.pdf"))
    assert "One lies in the fridge" in printed
    assert "Printed by Pharmacist" in printed
    pharmacist.post(count, {"counted": "7", "explanation": "", **SIGNED})
    assert "as in the books" in text_of(pharmacist.get("/kits/books/books.pdf"))


def test_supply_by_treatment_is_the_depots(world: World, depot, pharmacist, waiting) -> None:
    text = depot.get("/kits/supply/").content.decode()
    assert "Naltrexone 50 mg" in text
    assert "of each treatment." in text
    with standing_at("vault"):
        seen = Event.objects.filter(name="kit contents opened").count()
    assert pharmacist.get("/kits/supply/").status_code == 403
    with standing_at("vault"):
        assert Event.objects.filter(name="kit contents opened").count() == seen


def test_warnings_and_emptiness_have_their_sentences(world: World, pharmacist, depot) -> None:
    assert "No kit has been sent to your sites yet." in pharmacist.get("/kits/").content.decode()
    assert "Announce a shipment" in depot.get("/kits/").content.decode()
    assert "No kit has been sent" in pharmacist.get("/kits/books/").content.decode()
    assert "No kit has been sent" in pharmacist.get("/kits/shipments/").content.decode()
    journey.activate_list(world)
    pharmacy.planned(world, journey.randomized(world))
    assert "stock is low" in pharmacist.get("/kits/").content.decode()
    home = pharmacist.get("/").content.decode()
    assert "01 North: 0 kits for 1 planned sessions." in home
    assert "1 session waits for a kit" in home
    assert "for a kit" not in depot.get("/").content.decode()
    pharmacy.received(world, lot="LOT-SOON", expires_in=datetime.timedelta(days=20))
    assert "lot LOT-SOON expires on" in pharmacist.get("/kits/").content.decode()
    with clock.at(clock.now() + datetime.timedelta(days=30)):
        assert "lot LOT-SOON has expired." in pharmacist.get("/kits/").content.decode()
        assert "lot LOT-SOON has expired and is due for destruction." in pharmacist.get("/").content.decode()
        assert "Expired" in pharmacist.get("/kits/lots/LOT-SOON/").content.decode()


def test_for_blinded_people_none_of_these_pages_exists(world: World, client_for, waiting) -> None:
    kit = _all()[0]
    with standing_at("vault"):
        acts = KitAct.objects.count()
    for person in BLINDED:
        client, blinded = client_for(world.people[person], "vault"), client_for(world.people[person])
        for path in ("/kits/", "/kits/supply/", f"/kits/kit/{kit.number}/", f"/kits/dispense/{waiting.pk}/"):
            assert client.get(path).status_code == 404, path
            assert blinded.get(path).status_code == 404, path
        for path in (f"/kits/dispense/{waiting.pk}/pick/", f"/kits/kit/{kit.number}/quarantined/"):
            assert client.post(path, {"reason": "x"}).status_code == 404
    with standing_at("vault"):
        assert KitAct.objects.count() == acts


def test_each_role_finds_its_own_pages_and_is_told_of_the_others(world: World, pharmacist, depot, waiting) -> None:
    kit = _all()[0]
    with standing_at("vault"):
        acts = KitAct.objects.count()
    for path in ("/kits/shipments/new/", "/kits/recall/", "/kits/supply/"):
        assert (pharmacist.get(path).status_code, depot.get(path).status_code) == (403, 200), path
    for path in ("/kits/destroy/", f"/kits/dispense/{waiting.pk}/"):
        assert (pharmacist.get(path).status_code, depot.get(path).status_code) == (200, 403), path
    assert depot.post(f"/kits/dispense/{waiting.pk}/pick/").status_code == 403
    assert depot.post(f"/kits/kit/{kit.number}/quarantined/", {"reason": "x"}).status_code == 403
    with standing_at("vault"):
        assert KitAct.objects.count() == acts


def test_another_sites_pharmacist_finds_nothing_of_this_site(world: World, client_for, waiting) -> None:
    label = pharmacy.dispensed(world, waiting)
    south = client_for(make_member("south-pharmacist", Role.PHARMACIST, world.study, world.other_site), "vault")
    with standing_at("vault"):
        kit, shipment = Kit.objects.first(), KitShipment.objects.get()
        acts = KitAct.objects.count()
    for path in (
        f"/kits/kit/{kit.number}/", f"/kits/kit/{kit.number}/label.pdf", f"/kits/shipments/{shipment.pk}/",
        f"/kits/labels/{label.pk}/", f"/kits/books/{world.site.pk}/LOT-A/",
    ):  # fmt: skip
        assert south.get(path).status_code == 404, path
    assert south.get(f"/kits/dispense/{waiting.pk}/").status_code == 403
    overview = south.get("/kits/").content.decode()
    assert "LOT-A" not in overview
    assert "XO-001" not in overview
    assert south.post(f"/kits/kit/{kit.number}/quarantined/", {"reason": "x"}).status_code == 404
    with standing_at("vault"):
        assert KitAct.objects.count() == acts


def test_the_overview_asks_as_often_for_many_kits_as_for_few(world: World, pharmacist, waiting) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        pharmacist.get("/kits/")
    pharmacy.received(world, each=20, lot="LOT-B")
    for sex in "MFM":
        pharmacy.planned(world, journey.randomized(world, sex=sex))
    with CaptureQueriesContext(connection) as many:
        pharmacist.get("/kits/")
    assert len(many) == len(few) < 45
