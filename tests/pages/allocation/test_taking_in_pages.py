"""Lists from outside: of the offline command, and uploaded; every fault is told, and nothing is kept of a bad file."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from sessions.allocation import generation
from sessions.allocation.models import ListSlot, RandomizationList
from sessions.allocation.services import open_slot
from sessions.randomization import Method
from sessions.randomization.offline import LARGEST_FILE_BYTES, draw
from studyportal.audit.models import Event
from studyportal.errors import InvalidInput
from tests.conftest import standing_at
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db

STRATA = ("01|F", "01|M", "02|F", "02|M")
GOOD = "stratum,sequence\n" + "".join(f"{key},{code}\n" for key in STRATA for code in ("AB", "BA", "BA", "AB"))


def now() -> RandomizationList | None:
    with standing_at("vault"):
        return RandomizationList.objects.order_by("position").last()


def upload(client, content: bytes | str, **more: str):
    file = SimpleUploadedFile("list.csv", content.encode() if isinstance(content, str) else content, "text/csv")
    return client.post("/lists/new/", {"method": "uploaded_list", "file": file, **more})


def hand_in(client, pk: object, document: object):
    content = document if isinstance(document, bytes) else json.dumps(document).encode()
    return client.post(f"/lists/{pk}/take-in/", {"file": SimpleUploadedFile("list.json", content)})


@pytest.fixture
def maker(world: World, client_for):
    return client_for(world.unblinded_statistician, "vault")


@pytest.fixture
def draft(maker):
    maker.post("/lists/new/", {"method": "big_stick", "tolerance": "3", "slots_per_stratum": "8"})
    return now()


@pytest.fixture
def settings_file(maker, draft) -> dict[str, object]:
    answer = maker.get(f"/lists/{draft.pk}/settings.json")
    assert answer["Content-Disposition"] == 'attachment; filename="XO_list-1_settings.json"'
    return json.loads(answer.content)


def test_an_offline_list_is_taken_in_and_lives_as_any_other(maker, draft, settings_file, world: World) -> None:
    made = draw(settings_file, bytes(range(32)))
    answer = hand_in(maker, draft.pk, made)
    assert answer.status_code == 302
    text = maker.get(f"/lists/{draft.pk}/").content.decode()
    assert "Destroy the file now" in text
    assert (now().state, now().commitment_root) == ("generated", made["root"])
    with standing_at("vault"):
        opened = [open_slot(slot) for slot in ListSlot.objects.select_related("stratum")]
        names = list(Event.objects.filter(study="XO").values_list("name", "target", "data"))
    assert [[one.stratum, one.ordinal, one.number, one.sequence] for one in opened] == made["slots"]
    assert ("list file received", "file of the offline command", {}) in names
    assert "by the offline command" in str(names)
    assert maker.post(f"/lists/{draft.pk}/accept/", {"password": PASSWORD}).status_code == 302
    assert now().state == "accepted"
    again = hand_in(maker, draft.pk, made)
    assert again.status_code == 422
    assert "This list is no draft any more." in again.content.decode()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda made: b"{", "It is not the file that the offline command writes."),
        (lambda made: [], "It is not the file that the offline command writes."),
        (lambda made: {**made, "format": "x"}, "It is not the file that the offline command writes."),
        (lambda made: {**made, "seed": "00"}, "It is not the file that the offline command writes."),
        (lambda made: {**made, "seed": "no hex"}, "It is not the file that the offline command writes."),
        (lambda made: {**made, "seed": "ff" * 32}, "Its list or root is not what its seed gives"),
        (lambda made: {**made, "root": "0" * 64}, "Its list or root is not what its seed gives"),
        (lambda made: {**made, "slots": made["slots"][::-1]}, "Its list or root is not what its seed gives"),
        (
            lambda made: {**made, "settings": made["settings"] | {"slots_per_stratum": 9}},
            "It was made from other settings than this draft has now.",
        ),
        (lambda made: b" " * (LARGEST_FILE_BYTES + 1), "It is larger than any file of the offline command."),
        (lambda made: b"", "It is not the file that the offline command writes."),
    ],
)
def test_another_file_is_refused_and_the_draft_stays(maker, draft, settings_file, change, words: str) -> None:
    answer = hand_in(maker, draft.pk, change(draw(settings_file, bytes(32))))
    assert answer.status_code == 422
    assert words in answer.content.decode().replace("&#x27;", "'")
    assert (now().state, now().sealed_seed) == ("draft", None)
    with standing_at("vault"):
        assert not ListSlot.objects.exists()


def test_no_file_is_asked_for(maker, draft) -> None:
    answer = maker.post(f"/lists/{draft.pk}/take-in/")
    assert answer.status_code == 422
    assert "Choose the file that the offline command wrote." in answer.content.decode()


def test_settings_are_handed_out_for_drafts_that_draw_a_list(maker, draft) -> None:
    maker.post(f"/lists/{draft.pk}/generate/")
    assert maker.get(f"/lists/{draft.pk}/settings.json").status_code == 409
    maker.post("/lists/new/", {"method": "minimization", "factors": ["sex"], "weight_sex": "1", "probability": "0.8"})
    assert maker.get(f"/lists/{now().pk}/settings.json").status_code == 409


@pytest.mark.parametrize("generator", ["hmac-drbg-sha256", "chacha20"])
def test_an_uploaded_list_is_sealed_at_once_in_its_order(maker, world: World, generator: str) -> None:
    answer = upload(maker, GOOD, generator=generator)
    assert answer.status_code == 302
    one = now()
    assert (one.state, one.method, one.parameters) == ("generated", "uploaded_list", {"has_own_numbers": False})
    assert one.generator == generator
    with standing_at("vault"):
        opened = [open_slot(slot) for slot in ListSlot.objects.select_related("stratum")]
    assert [slot.sequence for slot in opened if slot.stratum == "01|M"] == ["AB", "BA", "BA", "AB"]
    text = maker.get(f"/lists/{one.pk}/").content.decode()
    assert "Lock your own file away or destroy it." in text
    assert text.count("Passed: ") == 8
    assert maker.post(f"/lists/{one.pk}/accept/", {"password": PASSWORD}).status_code == 302


def test_an_uploaded_list_may_have_numbers_of_its_own(maker) -> None:
    rows = [row for row in GOOD.splitlines()[1:] if row]
    numbered = "stratum;sequence;number\n" + "".join(
        f"{row.replace(',', ';')};N-{n * 37 % 101 + 100}\n" for n, row in enumerate(rows)
    )
    assert upload(maker, numbered).status_code == 302
    one = now()
    assert one.parameters == {"has_own_numbers": True}
    with standing_at("vault"):
        assert set(ListSlot.objects.values_list("number", flat=True)) == {f"N-{n * 37 % 101 + 100}" for n in range(16)}
    again = upload(maker, numbered)
    assert again.status_code == 422
    assert "The number N-100 was given by an earlier list of this study. Use another." in again.content.decode()


@pytest.mark.parametrize(
    ("content", "faults"),
    [
        (
            "stratum,sequence\n01|F,AB\n09|F,AB\n01|M,XX\n01|F\n",
            [
                (3, "There is no stratum «09|F» in this study. Use one of 01|F, 01|M, 02|F, 02|M."),
                (4, "There is no sequence «XX» in this study. Use one of AB, BA."),
                (5, "The row has 1 cells but the heading has 2. Fill or remove cells."),
            ],
        ),
        ("stratum,order\n", [(1, "The column sequence is missing. Add it to the first row.")]),
        (
            "stratum,sequence,number\n01|F,AB,R-1\n01|F,BA,R-1\n01|M,AB,\n01|M,BA,R-1234567890123\n",
            [
                (3, "The number R-1 is already in row 2. Give each row a number of its own."),
                (4, "The number is missing. Give every row one, or remove the column and let the portal draw them."),
                (5, "The number «R-1234567890123» is not usable. Use at most 12 letters, digits and hyphens."),
            ],
        ),
        (
            "stratum,sequence\n01|F,AB\n",
            [("File", "Stratum 01|M has 0 rows but needs at least 1. Add rows for it."),
             ("File", "No row gives sequence BA. A list must hold every sequence of the study.")],
        ),
        (b"\xff\xfe", [("File", "The file is not UTF-8 text. Save it as «CSV UTF-8» and upload that.")]),
        ("", [(1, "The first row is empty. It must name the columns: stratum, sequence and perhaps number.")]),
    ],
)  # fmt: skip
def test_every_fault_of_an_uploaded_list_is_told_with_its_row(maker, content, faults) -> None:
    answer = upload(maker, content, generator="chacha20")
    assert answer.status_code == 422
    text = answer.content.decode()
    for row, sentence in faults:
        cells = f'<td class="govuk-table__cell num">{row}</td><td class="govuk-table__cell">{sentence}</td>'
        assert cells in text.replace("&#x27;", "'")
    assert "Nothing was kept of it." in text
    assert 'value="uploaded_list" id="id_method_4" checked' in text
    assert 'value="chacha20"' in text
    assert now() is None


def test_a_draft_does_not_become_an_uploaded_list(draft, world: World) -> None:
    settings = generation.Settings(Method.UPLOADED_LIST, {}, 0)
    with standing_at("vault"), pytest.raises(InvalidInput, match="is taken in at once"):
        generation.change_draft(list_id=draft.pk, settings=settings, by=world.unblinded_statistician)
    assert now().method == "big_stick"


def test_an_upload_waits_for_an_earlier_draft(maker, draft) -> None:
    answer = upload(maker, GOOD)
    assert answer.status_code == 422
    assert "List 1 is still a draft and comes first." in answer.content.decode()
    assert now() == draft
