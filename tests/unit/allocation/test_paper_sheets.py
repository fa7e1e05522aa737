"""Emergency sheets: made at the vault, entered at the blinded door; what cannot be is refused, the rest confirmed."""

import datetime
import io
import uuid

import pytest
from django.db import connection
from pypdf import PdfReader

from participants.models import Participant
from sessions.allocation import paper, taking_in
from sessions.allocation.models import Allocation, EmergencySheet, Stratum
from sessions.allocation.policies import paper_strata_of
from sessions.models import PaperRandomization, ProtocolDeviation, StudySession
from sessions.randomization import Generator
from sessions.services.randomization import randomize
from sessions.services.receipts import facts_of, receipt_pdf
from studyportal import clock
from studyportal.accounts.models import Signature
from studyportal.errors import InvalidInput, InvalidState, NotFound, NotPermitted
from tests.conftest import standing_at
from tests.factories import journey, lists
from tests.factories.mailing import delivered
from tests.factories.people import PASSWORD
from tests.factories.sheets import entered, numbers_on, sheet
from tests.factories.world import World

pytestmark = pytest.mark.django_db
UPLOADED = (
    "stratum,sequence\n"
    + "".join(f"{site}|{sex},{code}\n" for code in ("AB", "BA", "BA", "AB") for site in ("01", "02") for sex in "FM")
).encode()


@pytest.fixture
def numbers(world: World) -> dict[str, list[str]]:
    """Numbers on the sheet of site 01: three for each stratum."""
    journey.activate_list(world)
    return numbers_on(sheet(world))


def untouched(participant: Participant) -> bool:
    found = Participant.objects.get(pk=participant.pk)
    with standing_at("vault"):
        is_free = not Allocation.objects.filter(participant=participant).exists()
    is_bare = not StudySession.objects.filter(participant=participant).exists()
    is_silent = not ProtocolDeviation.objects.filter(participant=participant).exists()
    return is_free and is_bare and is_silent and not found.randomization_number


# At the vault


def test_a_sheet_holds_the_next_numbers_of_each_stratum_of_its_site(world: World, numbers) -> None:
    assert set(numbers) == {"paper|01|F", "paper|01|M"}
    assert [len(own) for own in numbers.values()] == [3, 3]
    again = numbers_on(sheet(world, per_stratum=2))
    assert not {n for own in again.values() for n in own} & {n for own in numbers.values() for n in own}
    with standing_at("vault"):
        assert [one.serial for one in EmergencySheet.objects.order_by("serial")] == [1, 2]
        assert [(row.serial, row.lines) for row in paper.sheets_for(world.pharmacist, world.study)] == [(2, 4), (1, 6)]
        assert set(Stratum.objects.values_list("taken", flat=True)) == {0}  # nothing is reserved online
    assert paper_strata_of(world.study) == ["paper|01|F", "paper|01|M", "paper|02|F", "paper|02|M"]


def test_a_sheet_is_refused_to_others_and_beyond_what_the_list_holds(world: World, numbers) -> None:
    with standing_at("vault"):
        for many in (0, 13):
            with pytest.raises(InvalidInput, match="Enter a whole number from 1 to 12"):
                paper.make_sheet(study=world.study, site=world.site, per_stratum=many, by=world.pharmacist)
        with pytest.raises(InvalidState, match="holds enough emergency numbers"):
            paper.make_sheet(study=world.study, site=world.site, per_stratum=6, by=world.pharmacist)
        for stranger in (world.coordinator, world.administrator):
            with pytest.raises(NotPermitted):
                paper.make_sheet(study=world.study, site=world.site, per_stratum=1, by=stranger)
        assert EmergencySheet.objects.count() == 1


def test_without_emergency_strata_there_is_no_sheet(world: World) -> None:
    with standing_at("vault"):
        made = taking_in.take_in_upload(
            study=world.study, content=UPLOADED, generator=Generator.HMAC_DRBG, by=world.unblinded_statistician
        )
        lists.brought_on(made, maker=world.unblinded_statistician, second=world.pharmacist)
    with pytest.raises(InvalidState, match="holds enough emergency numbers"):
        sheet(world)


def test_the_printed_sheet_has_numbers_in_order_and_no_treatment(world: World, numbers) -> None:
    with standing_at("vault"):
        (row,) = paper.sheets_for(world.pharmacist, world.study)
        serial, made = paper.sheet_pdf(
            study=world.study, sheet_id=row.pk, printed="Printed by Pharmacist", by=world.pharmacist
        )
        with pytest.raises(NotFound):
            paper.sheet_pdf(study=world.study, sheet_id=uuid.uuid4(), printed="", by=world.pharmacist)
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(made)).pages)
    assert serial == 1
    places = [text.index(number) for number in (*numbers["paper|01|F"], *numbers["paper|01|M"])]
    assert places == sorted(places)
    assert text.index("Female") < places[0] < text.index("Male") < places[3]
    assert "Printed by Pharmacist" in text
    for word in ("Placebo", "Naltrexone", "AB", "BA"):
        assert word not in text.split()


def test_a_study_without_factors_has_one_column(world: World) -> None:
    world.study.strata_factors = []
    assert paper.paper_keys(world.study, world.site) == ["paper|all"]
    world.study.strata_factors = ["sex"]
    assert paper.paper_keys(world.study, world.site) == ["paper|F", "paper|M"]


# At the blinded door


def test_what_was_given_is_written_as_online_with_a_deviation_and_a_signature(world: World, numbers) -> None:
    given_at = clock.now()
    participant = journey.eligible(world)
    Participant.objects.update(screened_at=given_at - datetime.timedelta(days=1))
    done = entered(world, participant, f" {numbers['paper|01|F'][0].lower()} ", given_at=given_at)
    assert (done.status, done.randomized_at, done.randomized_stratum) == ("randomized", given_at, "01|F")
    assert [one.period.number for one in done.sessions.all()] == [1, 2]
    row = PaperRandomization.objects.get()
    assert (row.number, row.given_by, row.outage, row.faults) == (
        numbers["paper|01|F"][0], "N. Night", "Power cut", [],
    )  # fmt: skip
    assert (row.signature.signer, row.recorded_by) == (world.coordinator, world.coordinator)
    assert [(d.code, d.description, d.occurred_at) for d in ProtocolDeviation.objects.all()] == [
        ("paper_randomization", "Randomized on paper by N. Night: Power cut", given_at)
    ]
    site = next(message for message in delivered() if message.subject == "XO-001 is randomized")
    assert "By: N. Night" in site.body
    assert facts_of(done).on_paper == row
    text = PdfReader(io.BytesIO(receipt_pdf(done, printed="P"))).pages[0].extract_text()
    assert "Given on paper by" in text
    assert "Entered afterwards" in text


def test_a_repeated_entry_changes_nothing(world: World, numbers) -> None:
    participant, key = journey.eligible(world), uuid.uuid4()
    first = entered(world, participant, numbers["paper|01|F"][0], key=key)
    again = entered(world, participant, numbers["paper|01|F"][0], key=key, password="")
    assert again.randomization_number == first.randomization_number
    assert (PaperRandomization.objects.count(), ProtocolDeviation.objects.count()) == (1, 1)
    with pytest.raises(InvalidState, match="has another number already"):
        entered(world, participant, numbers["paper|01|F"][1])


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"given_at": datetime.timedelta(hours=1)}, "given_at", "cannot lie in the future"),
        ({"given_at": datetime.timedelta(days=-400)}, "given_at", "cannot lie before the screening"),
        ({"given_by": " "}, "given_by", "Enter who gave the number"),
        ({"outage": " "}, "outage", "why the portal could not be used"),
        ({"password": "wrong"}, "password", "Enter your own password again"),
    ],
)
def test_a_bad_answer_is_refused_beside_its_field(world: World, numbers, wrong: dict, field: str, words: str) -> None:
    participant = journey.eligible(world)
    if "given_at" in wrong:
        wrong = {"given_at": clock.now() + wrong["given_at"]}
    with pytest.raises(InvalidInput) as refused:
        entered(world, participant, numbers["paper|01|F"][0], **wrong)
    assert words in refused.value.fields[field]
    assert untouched(participant)


def test_a_number_of_no_sheet_another_site_or_another_participant_is_refused(world: World, numbers) -> None:
    journey.eligible(world, site=world.other_site)
    others = numbers_on(sheet(world, site=world.other_site))["paper|02|F"]
    with standing_at("vault"):
        unprinted = Stratum.objects.get(key="paper|01|F").slots.get(ordinal=4).number
        online = Stratum.objects.get(key="01|F").slots.get(ordinal=1).number
    participant = journey.eligible(world)
    for number in ("R-99999", others[0], unprinted, online):
        with pytest.raises(InvalidInput) as refused:
            entered(world, participant, number, so=True)
        assert refused.value.fields["number"] == (
            "This number stands on no emergency sheet of this site. Read it again from the sheet."
        )
    first = journey.eligible(world)
    entered(world, first, numbers["paper|01|F"][0])
    with pytest.raises(InvalidInput) as refused:
        entered(world, participant, numbers["paper|01|F"][0], so=True)
    assert refused.value.fields["number"].startswith("This number was given to another participant.")
    assert untouched(participant)


@pytest.mark.parametrize(
    ("column", "place", "said"),
    [
        ("paper|01|F", 1, ["An earlier number of the column"]),
        ("paper|01|M", 0, ["stands in another column of the sheet than the participant's strata (01 North, Female)"]),
        ("paper|01|M", 2, ["stands in another column", "An earlier number"]),
    ],
)
def test_what_was_given_against_the_sheet_is_confirmed_first(
    world: World, numbers, column: str, place: int, said: list[str]
) -> None:
    participant = journey.eligible(world)
    with pytest.raises(InvalidState) as refused:
        entered(world, participant, numbers[column][place])
    assert all(words in refused.value.message for words in said)
    assert refused.value.message.endswith("Nothing was recorded yet.")
    assert untouched(participant)
    done = entered(world, participant, numbers[column][place], so=True)
    assert (done.randomization_number, done.randomized_stratum) == (numbers[column][place], "01|F")
    assert [d.code for d in ProtocolDeviation.objects.all()] == ["paper_randomization", *["paper_fault"] * len(said)]
    assert len(PaperRandomization.objects.get().faults) == len(said)


def test_in_the_sheets_order_nothing_is_asked(world: World, numbers) -> None:
    for number in numbers["paper|01|F"]:
        entered(world, journey.eligible(world), number)
    with standing_at("vault"):
        assert Stratum.objects.get(key="paper|01|F").taken == 3
    assert set(ProtocolDeviation.objects.values_list("code", flat=True)) == {"paper_randomization"}


def test_a_precondition_that_was_missed_on_paper_is_confirmed_too(world: World, numbers) -> None:
    participant = journey.screened(world)
    with pytest.raises(InvalidState, match="Consent: Record the signed consent form"):
        entered(world, participant, numbers["paper|01|F"][0])
    assert untouched(participant)
    entered(world, participant, numbers["paper|01|F"][0], so=True)
    assert ProtocolDeviation.objects.filter(code="paper_fault").count() == 3


def test_who_has_a_number_or_has_left_is_refused(world: World, numbers) -> None:
    online = randomize(
        participant=journey.eligible(world), request_id=uuid.uuid4(), password=PASSWORD, by=world.coordinator
    )
    with pytest.raises(InvalidState, match="has another number already"):
        entered(world, online, numbers["paper|01|F"][0], so=True)
    with pytest.raises(InvalidState, match="was given this number online already"):
        entered(world, online, online.randomization_number, so=True)
    gone = journey.eligible(world)
    Participant.objects.filter(pk=gone.pk).update(status="screen_failed")
    with pytest.raises(InvalidState, match="Only participants in screening"):
        entered(world, gone, numbers["paper|01|F"][0], so=True)
    assert untouched(gone)


def test_a_form_used_for_somebody_else_is_refused(world: World, numbers) -> None:
    key, second = uuid.uuid4(), journey.eligible(world)
    entered(world, journey.eligible(world), numbers["paper|01|F"][0], key=key)
    with pytest.raises(InvalidState, match="used for somebody else already"):
        entered(world, second, numbers["paper|01|F"][1], key=key)
    assert untouched(second)


def test_only_who_randomizes_at_the_site_enters_a_number(world: World, numbers) -> None:
    participant = journey.eligible(world)
    for stranger in (world.investigator, world.rater, world.south_coordinator, world.outsider, world.administrator):
        with pytest.raises(NotPermitted):
            entered(world, participant, numbers["paper|01|F"][0], by=stranger)
    assert untouched(participant)
    assert Signature.objects.filter(record_label="paper randomization").count() == 0


def test_the_function_says_nothing_about_other_sites(world: World, numbers) -> None:
    """Directly as the blinded login: another site's number and one that does not exist get the same word."""
    others = numbers_on(sheet(world, site=world.other_site))["paper|02|F"]
    participant = journey.eligible(world)
    call = "SELECT alloc.reconcile(%s, %s, %s, '01|F', %s, gen_random_uuid(), true)"
    with connection.cursor() as cursor:
        for number in (others[0], "R-99999", ""):
            cursor.execute(call, [participant.pk, world.study.pk, world.site.pk, number])
            assert cursor.fetchone() == ("not_on_sheet",)
        cursor.execute(call, [participant.pk, world.study.pk, world.other_site.pk, others[0]])
        assert cursor.fetchone() == ("not_screening",)
