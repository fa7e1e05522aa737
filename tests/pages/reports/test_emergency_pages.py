"""Emergency unblinding: two steps, a fresh code, notices and a deviation without the treatment, the record to print."""

import datetime
import io
import uuid

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.core import mail
from pypdf import PdfReader

from sessions.allocation.generation import create_list
from sessions.models import ProtocolDeviation
from studyportal.accounts.roles import ROLE_PERMISSIONS, Permission, Role
from studyportal.audit.models import Event
from studyportal.studies.models import Study
from tests.conftest import standing_at
from tests.factories import journey, lists
from tests.factories.people import PASSWORD, make_member
from tests.factories.second_factor import code_of
from tests.factories.world import World

pytestmark = pytest.mark.django_db
NAMES = ("Naltrexone", "Placebo", "AB", "BA")


def said(world: World, by: object, number: str = "XO-001", **changed: str) -> dict[str, str]:
    first = {"participant": number, "reason_code": "emergency", "reason": "Seizure, ward 7 asks"}
    return first | {"password": PASSWORD, "code": code_of(by)} | changed


def unblindings() -> list[Event]:
    with standing_at("vault"):
        return list(Event.objects.filter(name="participant unblinded").order_by("at"))


@pytest.fixture
def doctor(world: World):
    return make_member("doctor", Role.EMERGENCY_UNBLINDER, world.study)


@pytest.fixture
def randomized(world: World):
    journey.activate_list(world)
    return journey.randomized(world)


def test_the_physician_on_call_is_led_to_the_form_and_has_nothing_else(world: World, client_for, doctor) -> None:
    client = client_for(doctor, "vault")
    assert client.get("/")["Location"] == "/emergency/"
    page = client.get("/emergency/").content.decode()
    assert "Preparing what this allocation needs" not in page
    assert [client.get(path).status_code for path in ("/allocations/", "/lists/", "/log/", "/report/")] == [403] * 4
    assert client_for(doctor).get("/").status_code == 404


def test_from_the_number_on_the_card_to_the_treatment(world: World, client_for, doctor, randomized) -> None:
    client = client_for(doctor, "vault")
    first = {"participant": f" {randomized.randomization_number.lower()} ", "reason_code": "emergency"}
    page = client.post("/emergency/", first | {"reason": "Seizure, ward 7 asks"}).content.decode()
    assert "Reveal XO-001?" in page
    assert "All periods are revealed." in page
    assert "deducible" not in page
    assert unblindings() == []
    assert client.post("/allocations/reveal/", said(world, doctor))["Location"] == "/allocations/revealed/"
    page = client.get("/allocations/revealed/").content.decode()
    assert "Placebo capsule" in page
    assert "Naltrexone 50 mg" in page
    assert "Medical emergency: the treatment decides what is done now. Seizure, ward 7 asks" in page
    assert [one.actor for one in unblindings()] == ["user:doctor"]


def test_what_is_refused_in_the_first_step_reveals_nothing(world: World, client_for, doctor, randomized) -> None:
    client = client_for(doctor, "vault")
    for changed, words in (
        ({"participant": "XO-077"}, "This participant is not on your list."),
        ({"reason_code": "dispensing"}, "Choose why."),
        ({"reason": ""}, "Say what happened and who asked."),
    ):
        answer = client.post("/emergency/", said(world, doctor, **changed))
        assert answer.status_code == 422
        assert words in answer.content.decode()
        assert client.post("/allocations/reveal/", said(world, doctor, **changed)).status_code == 422
    assert unblindings() == []


def test_a_code_reveals_once_and_the_one_of_the_sign_in_does_not(world: World, client_for, randomized) -> None:
    client, sent = client_for(world.pharmacist, "vault"), said(world, world.pharmacist)
    assert client.post("/allocations/reveal/", sent).status_code == 302
    again = client.post("/allocations/reveal/", sent)
    assert again.status_code == 422
    assert "Wait for the next code" in again.content.decode()
    assert len(unblindings()) == 1


def test_without_an_authenticator_nothing_is_revealed(world: World, client_for, randomized) -> None:
    client = client_for(world.pharmacist, "vault")
    sent = said(world, world.unblinded_statistician)
    answer = client.post("/allocations/reveal/", sent)
    assert answer.status_code == 422
    assert "Ask whoever runs the portal for a new enrolment link." in answer.content.decode()
    assert unblindings() == []


def test_a_recovery_code_reveals_once_too(world: World, client_for, randomized) -> None:
    sent = said(world, world.pharmacist)
    with standing_at("vault"):
        sent["code"] = RecoveryCodes.activate(world.pharmacist).get_unused_codes()[0]
        assert Authenticator.objects.filter(user=world.pharmacist).count() == 2
    client = client_for(world.pharmacist, "vault")
    assert client.post("/allocations/reveal/", sent).status_code == 302
    assert client.post("/allocations/reveal/", sent).status_code == 422


def test_those_who_must_are_told_at_once_and_not_the_treatment(
    world: World, client_for, randomized, django_capture_on_commit_callbacks
) -> None:
    make_member("south-investigator", Role.INVESTIGATOR, world.study, world.other_site)
    Study.objects.filter(pk=world.study.pk).update(sponsor_email="sponsor@example.org")
    client = client_for(world.pharmacist, "vault")
    with django_capture_on_commit_callbacks(execute=True):
        client.post("/allocations/reveal/", said(world, world.pharmacist))
    told = sorted(one.to[0].split("@")[0] for one in mail.outbox if "unblinding" in one.subject)
    assert told == ["investigator", "sponsor", "statistician", "unblinded-statistician"]
    for one in mail.outbox:
        assert not any(word in one.subject + one.body for word in NAMES)
        assert "Seizure" not in one.body
    (deviation,) = ProtocolDeviation.objects.filter(participant=randomized)
    assert deviation.description == (
        "The treatment was revealed. Reason: medical emergency. Revealed to Pharmacist at the unblinded door."
    )
    assert (deviation.code, deviation.session, deviation.recorded_by) == ("unblinding", None, world.pharmacist)


def test_the_bytes_of_the_mails_are_the_same_whatever_was_given(
    world: World, client_for, django_capture_on_commit_callbacks, monkeypatch
) -> None:
    """Every order of two allocations from one block of two: the same mails, but for the number."""
    from studyportal import clock

    moment = datetime.datetime(2026, 6, 3, 2, 12, tzinfo=datetime.UTC)
    journey.activate_list(world)
    people = [journey.randomized(world) for _ in range(6)]
    monkeypatch.setattr(clock, "now", lambda: moment)
    client = client_for(world.pharmacist, "vault")
    bodies = set()
    for one in people:
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            client.post("/allocations/reveal/", said(world, world.pharmacist, one.number))
        assert len(mail.outbox) == 3
        bodies |= {(m.subject + m.body).replace(one.number, "XO-???") for m in mail.outbox}
    assert len(bodies) == 1


def test_preparing_a_dose_tells_nobody(
    world: World, client_for, randomized, django_capture_on_commit_callbacks
) -> None:
    client = client_for(world.pharmacist, "vault")
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(
            "/allocations/reveal/", said(world, world.pharmacist, reason_code="dispensing")
        ).status_code == 302  # fmt: skip
    assert mail.outbox == []
    assert not ProtocolDeviation.objects.exists()
    assert "Nobody: a dose was prepared." in client.get("/allocations/revealed/").content.decode()


def test_who_may_know_sees_the_deviation_and_others_do_not(world: World, client_for, randomized) -> None:
    client_for(world.pharmacist, "vault").post("/allocations/reveal/", said(world, world.pharmacist))
    words = "The treatment was revealed."
    for person in ("coordinator", "investigator", "monitor", "statistician", "data_manager"):
        page = client_for(world.people[person]).get("/participants/XO-001/").content.decode()
        assert words in page, person
        assert not any(word in page for word in ("Naltrexone", "Placebo"))
    assert words not in client_for(world.imaging_analyst).get("/participants/XO-001/").content.decode()
    assert client_for(world.rater).get("/participants/XO-001/").status_code == 404
    # The table of deviations in the API opens with this permission; whoever holds it may know.
    knowing = {role for role, held in ROLE_PERMISSIONS.items() if Permission.UNBLINDING_NOTICE_VIEW in held}
    assert {role for role, held in ROLE_PERMISSIONS.items() if Permission.REPORT_VIEW in held} <= knowing
    assert not knowing & {Role.RATER, Role.IMAGING_ANALYST, Role.ADMINISTRATOR}


def test_the_record_says_all_and_who_printed_it(world: World, client_for, doctor, randomized) -> None:
    client = client_for(doctor, "vault")
    assert client.get("/allocations/revealed/record.pdf")["Location"] == "/emergency/"
    client.post("/allocations/reveal/", said(world, doctor))
    answer = client.get("/allocations/revealed/record.pdf")
    assert (answer["Content-Type"], answer["Cache-Control"]) == ("application/pdf", "no-store")
    text = PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    for words in ("Unblinding of XO-001", "Naltrexone 50 mg", "Placebo capsule", "Printed by Doctor", "Seizure"):
        assert words in text
    assert "Treatment visible" in text
    assert client_for(world.pharmacist, "vault").get("/allocations/revealed/record.pdf").status_code == 302


@pytest.fixture
def fixed_blocks(world: World):
    """Two participants of a list in blocks of two: whoever knows one knows the other."""
    with standing_at("vault"):
        made = create_list(
            study=world.study, method="permuted_blocks", parameters={"block_sizes": [2]},
            slots_per_stratum=4, by=world.unblinded_statistician,
        )  # fmt: skip
        lists.brought_on(made, maker=world.unblinded_statistician, second=world.pharmacist)
    return journey.randomized(world), journey.randomized(world)


def test_the_warning_counts_whom_it_makes_deducible_and_names_them_to_those_who_know_lists(
    world: World, client_for, doctor, fixed_blocks
) -> None:
    first = {"participant": "XO-001", "reason_code": "emergency", "reason": "Seizure, ward 7 asks"}
    page = client_for(doctor, "vault").post("/emergency/", first).content.decode()
    assert "This also makes 1 other participant deducible" in page
    assert "XO-002" not in page
    page = client_for(world.unblinded_statistician, "vault").post("/emergency/", first).content.decode()
    assert "list was made: XO-002." in page
    with standing_at("vault"):
        assert Event.objects.filter(name="contagion examined").count() == 2


def test_an_altered_slot_elsewhere_keeps_nobody_from_a_treatment(
    world: World, client_for, doctor, fixed_blocks
) -> None:
    from django.db import connection

    from tests.conftest import database_role

    with database_role("portal_admin"), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE alloc.list_slot SET sealed = set_byte(sealed, 60, get_byte(sealed, 60) # 1) WHERE id ="
            " (SELECT slot_id FROM alloc.allocation WHERE participant_id = %s)", [fixed_blocks[1].pk],
        )  # fmt: skip
        cursor.execute("SET LOCAL session_replication_role = origin")
    client = client_for(doctor, "vault")
    first = {"participant": "XO-001", "reason_code": "emergency", "reason": "Seizure, ward 7 asks"}
    assert "cannot be worked out now" in client.post("/emergency/", first).content.decode()
    assert client.post("/allocations/reveal/", said(world, doctor)).status_code == 302
    assert "Naltrexone 50 mg" in client.get("/allocations/revealed/").content.decode()


def test_the_service_itself_refuses(world: World, doctor, randomized) -> None:
    from sessions.allocation.emergency import participant_to_reveal, reveal_treatments
    from studyportal.errors import InvalidInput, NotFound, NotPermitted

    arguments = {"study": world.study, "reason_code": "emergency", "reason": "Seizure, ward 7", "password": PASSWORD}
    code = code_of(doctor)
    with standing_at("vault"):
        with pytest.raises(NotPermitted):
            participant_to_reveal(world.study, "XO-001", by=world.coordinator)
        with pytest.raises(NotFound, match="not been randomized"):
            reveal_treatments(**arguments, participant_id=uuid.uuid4(), code=code, by=doctor)
        for changed in ({"reason": "  "}, {"reason_code": ""}, {"reason_code": "dispensing"}, {"reason": "Hm"}):
            with pytest.raises(InvalidInput):
                reveal_treatments(**arguments | changed, participant_id=randomized.pk, code=code, by=doctor)
        with pytest.raises(InvalidInput, match="password"):
            reveal_treatments(**arguments | {"password": "no"}, participant_id=randomized.pk, code=code, by=doctor)
        with pytest.raises(InvalidInput, match="code is missing"):
            reveal_treatments(**arguments, participant_id=randomized.pk, code=" ", by=doctor)
    assert unblindings() == []
    assert not ProtocolDeviation.objects.exists()


def test_the_role_belongs_to_the_vault_in_the_database_too(world: World) -> None:
    from django.db import DatabaseError, transaction

    from studyportal.accounts.models import StudyMembership
    from tests.factories.people import make_user

    for user in (make_user("nobody-yet"), world.coordinator):
        with pytest.raises(DatabaseError), transaction.atomic():
            StudyMembership.objects.create(user=user, study=world.study, role=Role.EMERGENCY_UNBLINDER)
    member = make_member("doctor", Role.EMERGENCY_UNBLINDER, world.study)
    assert StudyMembership.objects.get(user=member).is_unblinded
