"""Properties of the chain: whatever was written verifies, whatever was altered afterwards is found."""

import hashlib
import json
from itertools import pairwise

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studyportal.audit import models, verify
from studyportal.audit.context import acting, because
from studyportal.studies.models import Site, Study
from tests.conftest import database_role
from tests.factories.studies import make_study

BODIES = st.lists(st.text(alphabet=st.characters(codec="utf-8"), max_size=40), min_size=1, max_size=6)
CHAINS = st.dictionaries(st.sampled_from(["a", "b", "c"]), BODIES, min_size=1, max_size=3)


def chained(bodies: dict[str, list[str]]) -> tuple[list[verify.Link], verify.Heads]:
    """Build chains as the trigger does, written out once more on purpose."""
    links, heads = [], {}
    for pk, texts in sorted(bodies.items()):
        previous = ""
        for seq, body in enumerate(texts, start=1):
            digest = hashlib.sha256(f"public.t|{pk}|{seq}|{previous}|{body}".encode()).hexdigest()
            links.append(verify.Link("public.t", pk, seq, body, previous, digest))
            previous = digest
        heads["public.t", pk] = (len(texts), previous)
    return links, heads


@given(CHAINS)
def test_an_untouched_chain_verifies(bodies: dict[str, list[str]]) -> None:
    links, heads = chained(bodies)
    assert verify.broken(links, heads) == []


@given(CHAINS, st.data())
def test_every_alteration_is_found(bodies: dict[str, list[str]], data: st.DataObject) -> None:
    links, heads = chained(bodies)
    position = data.draw(st.integers(0, len(links) - 1))
    link = links[position]
    kind = data.draw(st.sampled_from(["body", "rehashed", "seq", "previous", "removed", "twice", "moved"]))
    other = link.body + "x"
    altered = {
        "body": [link._replace(body=other)],
        "rehashed": [link._replace(body=other, hash=link._replace(body=other).digest)],
        "seq": [link._replace(seq=link.seq + 1)],
        "previous": [link._replace(previous_hash="0" * 64)],
        "removed": [],
        "twice": [link, link],
        "moved": [link._replace(pk=link.pk + "'")],
    }[kind]
    assert verify.broken(links[:position] + altered + links[position + 1 :], heads) != []


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["save", "bulk", "update", "raw", "upsert", "nothing"]), st.integers(0, 5)),
    min_size=1,
    max_size=12,
)


@pytest.mark.django_db
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OPERATIONS)
def test_whatever_is_written_can_be_replayed_from_the_trail(operations: list[tuple[str, int]]) -> None:
    """Every path of writing, in any order: the chain verifies and its last document is the row."""
    undo = transaction.atomic()
    undo.__enter__()
    try:
        site = make_study("PR").sites.get(code="01")
        for kind, number in operations:
            write(kind, number, site)
        with database_role("portal_owner"):
            assert verify.broken(verify.links(), verify.heads()) == []
            with connection.cursor() as cursor:
                cursor.execute("SELECT to_jsonb(s)::text FROM public.studies_site AS s WHERE id = %s", [site.pk])
                row = json.loads(cursor.fetchone()[0])
            trail = list(models.Change.objects.filter(tbl="public.studies_site", pk_text=site.pk).order_by("seq"))
        assert trail[-1].document["new"] == row
        for before, after in pairwise(trail):
            assert after.document["old"] == before.document["new"]
    finally:
        transaction.set_rollback(True)
        undo.__exit__(None, None, None)


def write(kind: str, number: int, site: Site) -> None:
    site.refresh_from_db()
    if kind == "save":
        site.recruitment_target = number
        site.save()
    elif kind == "bulk":
        site.name = f"Site {number}"
        Site.objects.bulk_update([site], ["name"])
    elif kind == "update":
        Site.objects.filter(pk=site.pk).update(recruitment_target=number)
    elif kind == "raw":
        with connection.cursor() as cursor:
            cursor.execute("UPDATE public.studies_site SET name = %s WHERE id = %s", [f"raw {number}", site.pk])
    elif kind == "upsert":
        site.name = f"upserted {number}"
        Site.objects.bulk_create([site], update_conflicts=True, unique_fields=["id"], update_fields=["name"])
    else:
        site.save()


@pytest.mark.django_db
def test_the_read_only_models_show_a_change_and_an_event() -> None:
    study = make_study("PR")
    with acting("user:ada", request_id="r1"), because("slip", "typed twice"):
        Study.objects.filter(pk=study.pk).update(name="New name")
    with database_role("portal_owner"):
        change = models.Change.objects.filter(tbl="public.studies_study", pk_text=study.pk).latest("seq")
    assert str(change) == f"public.studies_study {study.pk} #2"
    assert {key: change.document[key] for key in ("op", "actor", "reason_code", "reason", "login")} == {
        "op": "UPDATE", "actor": "user:ada", "reason_code": "slip", "reason": "typed twice", "login": "portal_web",
    }  # fmt: skip
    assert (change.document["old"]["name"], change.document["new"]["name"]) == ("Crossover study PR", "New name")
    assert str(models.Event(name="sign", target="XO-001")) == "sign XO-001"
