"""The committed documents are the served ones, and Swagger's page has nothing inline."""

import json
import re

import pytest
from django.core.management import CommandError, call_command

from studyportal.management.commands import reference
from tests.factories.world import World

SECRET_WORDS = re.compile(r"\b(treatment|sequence|arm|placebo|naltrexone|unblind\w*|alloc\w*)\b", re.IGNORECASE)


def committed(name: str) -> dict:
    return json.loads((reference.FOLDER / name).read_text())


def test_the_generated_reference_is_up_to_date() -> None:
    assert reference.stale() == []
    call_command("reference", "--check")


def test_a_stale_or_missing_file_is_named(tmp_path, capsys) -> None:
    call_command("reference", "--folder", str(tmp_path / "new"))
    assert "openapi-v1.json" in capsys.readouterr().out
    assert reference.stale(tmp_path / "new") == []
    (tmp_path / "new" / "permissions.md").write_text("old")
    (tmp_path / "new" / "openapi-vault-v1.json").unlink()
    with pytest.raises(CommandError, match=r"permissions\.md, openapi-vault-v1\.json"):
        call_command("reference", "--check", "--folder", str(tmp_path / "new"))


def test_the_blinded_document_has_no_word_of_the_unblinded_door() -> None:
    assert SECRET_WORDS.findall(json.dumps(committed("openapi-v1.json"))) == []


def test_the_unblinded_document_adds_sequence_and_treatment_to_every_table() -> None:
    blinded, unblinded = (
        committed(name)["components"]["schemas"] for name in ("openapi-v1.json", "openapi-vault-v1.json")
    )
    rows = [name for name in blinded if name.endswith("Row")]
    assert len(rows) == 15
    for name in rows:
        added = set(unblinded[name]["properties"]) - set(blinded[name]["properties"])
        if name == "CommitmentsRow":  # public: there is nothing to add
            assert added == set()
            continue
        assert added == {"sequence"} if name == "ParticipantsRow" else {"sequence", "treatment"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("who", "door", "name"),
    [("rater", "web", "openapi-v1.json"), ("pharmacist", "vault", "openapi-vault-v1.json")],
)
def test_members_are_served_the_committed_document(world: World, client_for, who: str, door: str, name: str) -> None:
    answer = client_for(world.people[who], door=door).get("/api/schema/")
    assert answer.json() == committed(name)
    assert answer.json()["openapi"] == "3.1.0"


@pytest.mark.django_db
def test_strangers_are_served_neither_document_nor_page(client_for) -> None:
    for path in ("/api/schema/", "/api/docs/"):
        answer = client_for().get(path)
        assert (answer.status_code, answer.headers["Location"]) == (302, f"/account/login/?next={path}")


@pytest.mark.django_db
def test_the_page_of_the_api_runs_from_our_own_files(world: World, client_for) -> None:
    answer = client_for(world.statistician).get("/api/docs/")
    page = answer.content.decode()
    assert 'data-schema="/api/schema/"' in page
    assert not re.search(r"\sstyle=|<style|<script(?![^>]*\bsrc=)", page)
    sources = re.findall(r'<script[^>]+src="([^"]+)"', page)
    assert all(source.startswith("/static/") for source in sources)
    policy = answer.headers["Content-Security-Policy"].split("; ")
    assert "script-src 'self'" in policy
    assert "default-src 'none'" in policy
