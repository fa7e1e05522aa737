"""The page on which two people lock the study."""

import pytest

from studyportal.studies.models import Study, StudyLock
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def test_from_the_first_signature_to_the_lock_and_back(world: World, client_for) -> None:
    manager, investigator = client_for(world.data_manager), client_for(world.investigator)
    page = manager.get("/lock/").content.decode()
    assert "Sign first: lock" in page
    assert "1 of 8 questions open" in page
    refused = manager.post("/lock/ask/", {"reason": "", "password": PASSWORD})
    assert refused.status_code == 422
    assert "Say why the data are locked with these questions open." in refused.content.decode()
    assert manager.post("/lock/ask/", {"reason": "No MRS here", "password": PASSWORD}).status_code == 302
    lock = StudyLock.objects.get()
    page = investigator.get("/lock/").content.decode()
    assert "Waiting for the second signature: lock" in page
    assert "No MRS here" in page
    wrong = investigator.post(f"/lock/{lock.pk}/confirm/", {"password": "wrong"})
    assert wrong.status_code == 422
    assert world.study.status == Study.Status.RECRUITING
    done = investigator.post(f"/lock/{lock.pk}/confirm/", {"password": PASSWORD}, follow=True)
    assert "The study is locked. Its data can no longer be changed." in done.content.decode()
    world.study.refresh_from_db()
    assert world.study.status == Study.Status.LOCKED
    said = client_for(world.coordinator).post("/participants/screen/", {"sex": "F"})
    assert said.status_code in {409, 422}
    assert "Sign first: unlock" in manager.get("/lock/").content.decode()
    manager.post("/lock/ask/", {"reason": "A query came back", "password": PASSWORD})
    again = StudyLock.objects.get(act="unlock")
    assert manager.post(f"/lock/{again.pk}/withdraw/").status_code == 302
    world.study.refresh_from_db()
    assert world.study.status == Study.Status.LOCKED


@pytest.mark.parametrize("person", ["coordinator", "monitor"])
def test_others_look_and_cannot_sign(world: World, client_for, person: str) -> None:
    client = client_for(world.people[person])
    page = client.get("/lock/").content.decode()
    assert "Nobody has signed yet" in page
    assert "Your password" not in page
    assert client.post("/lock/ask/", {"reason": "x", "password": PASSWORD}).status_code == 403
    assert not StudyLock.objects.exists()


def test_a_locked_page_of_a_form_says_the_sentence(world: World, client_for) -> None:
    Study.objects.filter(pk=world.study.pk).update(status=Study.Status.LOCKED)
    answer = client_for(world.coordinator).post(
        "/participants/screen/",
        {
            "site": world.site.code, "sex": "F", "full_name": "Robin New", "born_on_0": "4", "born_on_1": "5",
            "born_on_2": "1992", "contact": "",
        },
    )  # fmt: skip
    assert "The study is locked" in answer.content.decode()
    assert "Locked</span>" in answer.content.decode()
