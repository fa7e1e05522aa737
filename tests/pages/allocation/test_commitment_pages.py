"""The commitment on screen: published at the vault, read at the blinded door, revealed after the lock by two people."""

import io
import json

import pytest
from pypdf import PdfReader

from sessions.allocation.models import Publication, RandomizationList, RevealStep
from sessions.randomization import verify
from studyportal.accounts.tokens import issue
from studyportal.studies.models import Study
from tests.conftest import standing_at
from tests.factories import journey, lists
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db
BUNDLE = "/commitment/study-bundle.json"


@pytest.fixture
def approved(world: World) -> RandomizationList:
    with standing_at("vault"):
        return lists.approved(world.study, maker=world.unblinded_statistician, second=world.pharmacist)


@pytest.fixture
def pharmacist(world: World, client_for):
    return client_for(world.pharmacist, "vault")


@pytest.fixture
def statistician(world: World, client_for):
    return client_for(world.unblinded_statistician, "vault")


def roots() -> list[str]:
    return list(Publication.objects.filter(kind="commitment").values_list("value", flat=True))


def lock(world: World) -> None:
    world.study.status = Study.Status.LOCKED
    world.study.save(update_fields=["status"])


def test_a_root_is_published_from_its_lists_page(approved, pharmacist) -> None:
    address = f"/lists/{approved.pk}/"
    assert ">Publish the commitment<" in pharmacist.get(address).content.decode()
    wrong = pharmacist.post(f"{address}publish/", {"password": "wrong"})
    assert (wrong.status_code, roots()) == (422, [])
    assert "Enter your own password again." in wrong.content.decode()
    done = pharmacist.post(f"{address}publish/", {"password": PASSWORD}, follow=True)
    text = done.content.decode()
    assert "The commitment is published." in text
    assert "Published as List 1:" in text
    assert ">Publish the commitment<" not in text
    assert roots() == [approved.commitment_root]
    again = pharmacist.post(f"{address}publish/", {"password": PASSWORD})
    assert (again.status_code, len(roots())) == (422, 1)


def test_a_list_that_is_not_approved_shows_no_button(world: World, statistician) -> None:
    statistician.post("/lists/new/", {"method": "big_stick", "tolerance": "3", "slots_per_stratum": "12"})
    with standing_at("vault"):
        made = RandomizationList.objects.get()
    text = statistician.get(f"/lists/{made.pk}/").content.decode()
    assert ">Publish the commitment<" not in text
    answer = statistician.post(f"/lists/{made.pk}/publish/", {"password": PASSWORD})
    assert (answer.status_code, roots()) == (422, [])
    assert "The commitment is published once, after the approval." in answer.content.decode()


@pytest.mark.parametrize(
    "role",
    ["coordinator", "investigator", "imaging_analyst", "data_manager", "statistician", "monitor", "administrator"],
)
def test_every_blinded_role_but_the_rater_reads_it(world: World, approved, pharmacist, client_for, role: str) -> None:
    client = client_for(world.people[role])
    assert "No list is committed to yet." in client.get("/commitment/").content.decode()
    pharmacist.post(f"/lists/{approved.pk}/publish/", {"password": PASSWORD})
    text = client.get("/commitment/").content.decode()
    assert approved.commitment_root in text
    assert "Permuted blocks, hmac-drbg-sha256." in text
    assert 'href="/commitment/"' in text
    sheet = client.get("/commitment/sheet.pdf")
    assert sheet.headers["Content-Disposition"] == 'attachment; filename="XO-commitment.pdf"'
    page = PdfReader(io.BytesIO(sheet.content)).pages[0].extract_text()
    assert approved.commitment_root in page.replace("\n", "")
    assert f"Printed by {world.people[role].full_name}" in page
    assert client.get(BUNDLE).status_code == 404


def test_raters_and_strangers_find_no_commitment(world: World, client_for) -> None:
    for address in ("/commitment/", "/commitment/sheet.pdf", BUNDLE):
        assert client_for(world.rater).get(address).status_code == 404
        assert client_for().get(address).status_code == 302


def test_another_studys_commitment_is_not_shown(world: World, approved, pharmacist, client_for) -> None:
    pharmacist.post(f"/lists/{approved.pk}/publish/", {"password": PASSWORD})
    text = client_for(world.outsider).get("/commitment/").content.decode()
    assert approved.commitment_root not in text


def test_both_doors_give_it_by_the_api(world: World, approved, pharmacist, client_for) -> None:
    pharmacist.post(f"/lists/{approved.pk}/publish/", {"password": PASSWORD})
    answers = []
    for who, door in ((world.data_manager, "web"), (world.unblinded_statistician, "vault")):
        with standing_at(door):
            _, token = issue(study=world.study, door=door, name="R", days=7, by=who)
        client = client_for(door=door)
        answer = client.get("/api/v1/commitments/", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.content
        answers.append(answer.json())
    (row,) = answers[0]["results"]
    assert answers[0] == answers[1]
    assert set(row) == {"position", "list_id", "label", "root", "method", "generator", "published_at", "published_by"}
    assert (row["position"], row["root"], row["list_id"]) == (1, approved.commitment_root, str(approved.pk))


def test_the_full_reveal_on_screen_from_announcement_to_the_blinded_door(
    world: World, approved, pharmacist, statistician, client_for
) -> None:
    pharmacist.post(f"/lists/{approved.pk}/publish/", {"password": PASSWORD})
    pharmacist.post(f"/lists/{approved.pk}/activate/")
    journey.randomized(world)
    early = pharmacist.get("/lists/reveal/").content.decode()
    assert "revealed after the lock of its data, and never before" in early
    assert "Announce the full reveal" not in early
    refused = pharmacist.post("/lists/reveal/announce/", {"password": PASSWORD, "reason": "End"})
    assert refused.status_code == 422
    assert pharmacist.get("/lists/reveal/study-bundle.json").status_code == 409
    lock(world)
    assert pharmacist.post("/lists/reveal/announce/", {"password": PASSWORD, "reason": ""}).status_code == 422
    kept = pharmacist.post("/lists/reveal/announce/", {"password": "wrong", "reason": "End of analysis"})
    assert (kept.status_code, "End of analysis" in kept.content.decode()) == (422, True)
    pharmacist.post("/lists/reveal/announce/", {"password": PASSWORD, "reason": "End of analysis"})
    own = pharmacist.get("/lists/reveal/").content.decode()
    assert "You announced the reveal. A second person" in own
    assert pharmacist.post("/lists/reveal/confirm/", {"password": PASSWORD}).status_code == 422
    assert "Confirm the full reveal" in statistician.get("/lists/reveal/").content.decode()
    assert statistician.post("/lists/reveal/confirm/", {"password": PASSWORD}).status_code == 302
    bundle = statistician.get("/lists/reveal/study-bundle.json")
    assert bundle.headers["Content-Disposition"] == 'attachment; filename="XO-study-bundle.json"'
    assert client_for(world.monitor).get(BUNDLE).status_code == 404
    assert statistician.post("/lists/reveal/publish/", {"password": "wrong"}).status_code == 422
    assert statistician.post("/lists/reveal/publish/", {"password": PASSWORD}).status_code == 302
    text = client_for(world.monitor).get("/commitment/").content.decode()
    assert "Download the study" in text
    public = client_for(world.monitor).get(BUNDLE)
    assert public.content == bundle.content
    document = verify.read(public.content)
    assert document["chain"] in text
    assert [said for holds, said in verify.check(document, roots(), document["chain"]) if not holds] == []
    log = statistician.get("/log/").content.decode()
    for words in ("Full reveal announced", "Full reveal confirmed", "All lists opened for the bundle"):
        assert words in log
    assert client_for(world.rater).get(BUNDLE).status_code == 404
    with standing_at("vault"):
        assert RevealStep.objects.count() == 2
    assert "Published" in pharmacist.get("/lists/reveal/").content.decode()
    sheet = pharmacist.get("/lists/commitment.pdf")
    assert "Chain of the allocations" in PdfReader(io.BytesIO(sheet.content)).pages[0].extract_text()
    assert json.loads(public.content)["study"] == "XO"
