"""The published commitment: once, before the first allocation, by one's password; and nothing else of the list."""

import io
import json
import uuid

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.forms.models import model_to_dict
from pypdf import PdfReader

from sessions.allocation import life, publication
from sessions.allocation.generation import create_list
from sessions.allocation.models import Publication, RandomizationList
from sessions.allocation.sheets import commitment_sheet
from studyportal.accounts.models import Signature
from studyportal.errors import InvalidInput, InvalidState, NotFound, NotPermitted
from tests.conftest import database_role, standing_at
from tests.factories import lists
from tests.factories.people import PASSWORD
from tests.factories.world import World

pytestmark = pytest.mark.django_db


def the_list() -> RandomizationList:
    return RandomizationList.objects.select_related("study").order_by("generated_at").last()


def published(world: World, **change: object) -> Publication:
    made = life.publish(**{"list_id": the_list().pk, "password": PASSWORD, "by": world.pharmacist} | change)
    row = publication.published_root_of(made)
    assert row is not None
    return row


@pytest.fixture
def approved(world: World) -> World:
    with standing_at("vault"):
        lists.approved(world.study, maker=world.unblinded_statistician, second=world.pharmacist)
    return world


def test_an_approved_list_is_published_once_and_signed(approved: World) -> None:
    with standing_at("vault"):
        row, made = published(approved), the_list()
        assert (row.label, row.method, row.generator) == ("List 1", "permuted_blocks", "hmac-drbg-sha256")
        assert (row.value, row.list_id, row.document) == (made.commitment_root, made.pk, "")
        assert str(row) == f"Root of a list {made.commitment_root[:8]}"
        signed = Signature.objects.get(record_id=row.pk)
        assert signed.signer == approved.pharmacist
        assert json.loads(signed.content) == {"list": str(made.pk), "label": "List 1", "root": row.value}
        with pytest.raises(InvalidState, match="published once"):
            published(approved)
        assert publication.published_root_of(made) == row
    # Whoever may see it sees it at the blinded door, whose login reads this table and no other of lists.
    seen = publication.published_for(approved.monitor, approved.study)
    assert [one.value for one in seen.roots] == [row.value]
    assert (seen.is_any, seen.chain, seen.reveal) == (True, None, None)
    with pytest.raises(NotFound, match="not revealed here"):
        publication.revealed_document(approved.monitor, approved.study)


def test_what_may_not_be_published_is_refused_in_a_sentence(world: World) -> None:
    with standing_at("vault"):
        made = lists.accepted(world.study, maker=world.unblinded_statistician)
        with pytest.raises(InvalidState, match="published once, after the approval"):
            published(world)
        life.record_approval(list_id=made.pk, by=world.pharmacist)
        with pytest.raises(InvalidInput, match="password does not match"):
            published(world, password="wrong")
        with pytest.raises(NotPermitted, match="approve list"):
            published(world, by=world.coordinator)
        assert Publication.objects.count() == 0


@pytest.mark.parametrize("login", ["portal_web", "portal_worker", "portal_vault"])
def test_no_login_changes_what_is_published_and_the_blinded_ones_publish_nothing(approved: World, login: str) -> None:
    with standing_at("vault"):
        row = published(approved)
    for statement in (f"UPDATE allocation_publication SET value = '{'0' * 64}'", "DELETE FROM allocation_publication"):
        with pytest.raises(DatabaseError, match="permission denied"), database_role(login), transaction.atomic():
            connection.cursor().execute(statement)
    if login != "portal_vault":
        columns = "study_id, list_id, label, method, generator, value, document, published_at, published_by_id"
        copy = (
            f"INSERT INTO allocation_publication (id, kind, {columns})"
            f" SELECT gen_random_uuid(), 'reveal', {columns} FROM allocation_publication"
        )
        with pytest.raises(DatabaseError, match="permission denied"), database_role(login), transaction.atomic():
            connection.cursor().execute(copy)
    assert list(Publication.objects.values_list("value", flat=True)) == [row.value]


def test_the_owner_too_cannot_change_it(approved: World) -> None:
    with standing_at("vault"):
        published(approved)
    for statement in ("UPDATE allocation_publication SET label = 'x'", "DELETE FROM allocation_publication"):
        with pytest.raises(DatabaseError, match="append-only"), database_role("portal_owner"), transaction.atomic():
            connection.cursor().execute(statement)


@pytest.mark.parametrize("change", [{"value": "0" * 63}, {"value": "G" * 64}, {"list_id": None}])
def test_a_value_is_a_hash_and_a_commitment_names_its_list(world: World, change: dict) -> None:
    values = {"study": world.study, "kind": "commitment", "list_id": uuid.uuid4(), "value": "0" * 64} | change
    with standing_at("vault"), pytest.raises(IntegrityError), transaction.atomic():
        Publication.objects.create(published_by=world.pharmacist, **values)


def test_the_public_row_is_a_function_of_the_root_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lists of other settings, length, strata and seed: with one value in the root's place nothing differs.

    What remains is the root, and that it tells nothing is `test_study_bundle`: no nonce, no guess.
    """
    monkeypatch.setattr(publication, "root_to_show", lambda made: "5" * 64)
    rows = []
    with standing_at("vault"):
        for sizes, slots in (([2], 2), ([4, 6], 30)):
            made = create_list(
                study=world.study, method="permuted_blocks", parameters={"block_sizes": sizes},
                slots_per_stratum=slots, by=world.unblinded_statistician,
            )  # fmt: skip
            row = publication.write_commitment(made, by=world.pharmacist)
            told = model_to_dict(row) | {"list_id": row.list_id == made.pk, "label": row.label[:5]}
            told.pop("published_at")
            rows.append(told)
    assert rows[0] == rows[1]
    assert set(rows[0]) == {
        "study", "kind", "list_id", "label", "method", "generator", "value", "document", "published_by",
    }  # fmt: skip


def test_the_sheet_names_roots_and_nothing_else_and_its_bytes_repeat(approved: World) -> None:
    with standing_at("vault"):
        row = published(approved)
    seen = publication.published_for(approved.monitor, approved.study)
    made = [commitment_sheet(approved.study, seen, door="Treatment hidden", printed="Printed by M") for _ in range(2)]
    assert made[0] == made[1]
    text = PdfReader(io.BytesIO(made[0])).pages[0].extract_text()
    assert row.value in text.replace("\n", "")
    assert "Permuted blocks" in text
    assert "Printed by M" in text
    assert not [word for word in ("block size", "stratum", "slots", "AB") if word in text]
    empty = commitment_sheet(
        approved.other_study, publication.published_for(approved.outsider, approved.other_study),
        door="Treatment hidden", printed="",
    )  # fmt: skip
    assert "No list is committed to yet." in PdfReader(io.BytesIO(empty)).pages[0].extract_text()


def test_raters_and_strangers_see_no_commitment(approved: World) -> None:
    for who in (approved.rater, approved.outsider):
        with pytest.raises(NotPermitted):
            publication.published_for(who, approved.study)
