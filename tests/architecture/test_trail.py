"""The trail misses no table and no way of writing."""

import datetime
import json
import uuid
from io import StringIO

import psycopg
import pytest
from django.db import DatabaseError, connection, migrations, transaction
from django.db.migrations.executor import MigrationExecutor

from studyportal.audit import events, verify
from studyportal.audit.context import NOBODY, acting, because
from studyportal.audit.context import _current as acting_now
from studyportal.audit.management.commands.migrate import Command
from studyportal.audit.tables import attach, check_every_table, unwatched
from studyportal.studies.models import Site, Study
from tests.conftest import administrator_dsn, database_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def study() -> Study:
    return Study.objects.create(
        code="XO", name="Crossover", recruitment_target=26, participant_prefix="XO",
        recruitment_starts_on=datetime.date(2026, 1, 5), recruitment_ends_on=datetime.date(2026, 12, 18),
    )  # fmt: skip


def changes(table: str) -> list[dict[str, object]]:
    with database_role("portal_owner"), connection.cursor() as cursor:
        cursor.execute("SELECT body FROM audit.change WHERE tbl = %s ORDER BY pk, seq", [f"public.{table}"])
        return [json.loads(body) for (body,) in cursor.fetchall()]


def test_every_table_is_watched() -> None:
    assert unwatched() == []


def test_a_new_table_without_the_trigger_is_named() -> None:
    with database_role("portal_owner"), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE public.forgotten (id uuid PRIMARY KEY)")
    assert unwatched() == ["public.forgotten"]


def test_every_way_of_writing_leaves_one_row_per_changed_row(study: Study) -> None:
    def ops() -> list[str]:
        return [str(change["op"]) for change in changes("studies_site")]

    first = Site.objects.create(study=study, code="01", name="One")
    assert ops() == ["INSERT"]
    Site.objects.bulk_create([Site(study=study, code="02", name="Two"), Site(study=study, code="03", name="Three")])
    assert len(ops()) == 3
    first.name = "First"
    first.save()
    assert len(ops()) == 4
    Site.objects.filter(study=study).update(recruitment_target=9)
    assert len(ops()) == 7
    sites = list(Site.objects.filter(study=study))
    for site in sites:
        site.recruitment_target = 10
    Site.objects.bulk_update(sites, ["recruitment_target"])
    assert len(ops()) == 10
    with connection.cursor() as cursor:
        cursor.execute("UPDATE studies_site SET name = 'Raw' WHERE code = '02'")
    assert len(ops()) == 11
    Site.objects.bulk_create(
        [Site(id=first.pk, study=study, code="01", name="Upserted")],
        update_conflicts=True, unique_fields=["id"], update_fields=["name"],
    )  # fmt: skip
    assert len(ops()) == 12
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY studies_site (id, study_id, code, name, time_zone, recruitment_target, is_active) FROM STDIN"
        ) as copy,
    ):
        copy.write_row(("11111111-1111-4111-8111-111111111111", study.pk, "04", "Four", "Europe/London", 0, True))
    assert len(ops()) == 13
    with database_role("portal_worker"), acting("system:test:1"):
        Site.objects.filter(code="04").update(name="By the worker")
    assert len(ops()) == 14
    with database_role("portal_owner"):
        Site.objects.filter(code="04").delete()
    assert len(ops()) == 15
    assert sorted(ops()) == ["DELETE"] + ["INSERT"] * 4 + ["UPDATE"] * 10
    assert {change["actor"] for change in changes("studies_site")} == {"user:suite", "system:test:1"}


def test_a_save_that_changes_nothing_leaves_nothing(study: Study) -> None:
    study.save()
    assert [change["op"] for change in changes("studies_study")] == ["INSERT"]


def test_a_write_without_an_actor_is_refused_and_nothing_is_written(study: Study) -> None:
    token = acting_now.set(NOBODY)
    try:
        connection.send_acting()
        with pytest.raises(DatabaseError, match="without an actor"), transaction.atomic():
            Site.objects.create(study=study, code="09", name="Nobody's")
    finally:
        acting_now.reset(token)
    assert not Site.objects.filter(code="09").exists()


def test_a_signed_row_changes_only_with_a_reason(study: Study) -> None:
    from participants.models import Consent, Participant
    from studyportal.accounts.models import User

    user = User.objects.create_user("ada", full_name="Ada Example")
    site = Site.objects.create(study=study, code="01", name="One")
    participant = Participant.objects.create(
        study=study, site=site, number="XO-001", sex="F", age_years=34, screened_by=user
    )
    consent = Consent.objects.create(
        participant=participant, form_version="3.1", signed_on=datetime.date(2026, 11, 2), recorded_by=user
    )
    consent.signed_on = datetime.date(2026, 11, 3)
    with pytest.raises(DatabaseError, match="only with a reason"), transaction.atomic():
        consent.save()
    assert Consent.objects.get().signed_on == datetime.date(2026, 11, 2)
    with because("slip", "the paper form says 3 November"):
        consent.save()
    assert changes("participants_consent")[-1]["reason"] == "the paper form says 3 November"


@pytest.mark.parametrize("login", ["portal_web", "portal_worker", "portal_vault"])
@pytest.mark.parametrize(
    "statement", ["UPDATE audit.change SET body = ''", "DELETE FROM audit.change", "TRUNCATE audit.change"]
)
def test_no_login_can_alter_the_trail(study: Study, login: str, statement: str) -> None:
    with pytest.raises(DatabaseError, match="permission denied"), database_role(login), transaction.atomic():
        connection.cursor().execute(statement)
    assert len(changes("studies_study")) == 1


def test_the_owner_is_refused_too(study: Study) -> None:
    for statement in ("UPDATE audit.change SET body = ''", "DELETE FROM audit.change", "TRUNCATE audit.change"):
        with pytest.raises(DatabaseError, match="append-only"), database_role("portal_owner"), transaction.atomic():
            connection.cursor().execute(statement)


def test_the_chain_verifies_and_an_alteration_is_found(study: Study) -> None:
    study.name = "Renamed"
    study.save()
    with database_role("portal_owner"):
        chain = list(verify.links())
        ends = verify.heads()
    assert verify.broken(chain, ends) == []
    position = next(i for i, link in enumerate(chain) if link.tbl == "public.studies_study" and link.seq == 1)
    forged = (
        chain[:position]
        + [chain[position]._replace(body=chain[position].body.replace("26", "27", 1))]
        + chain[position + 1 :]
    )
    assert len(verify.broken(forged)) == 1
    removed = chain[:position] + chain[position + 1 :]
    assert "does not follow" in verify.broken(removed)[0]
    last = next(i for i, link in enumerate(chain) if link.tbl == "public.studies_study" and link.seq == 2)
    cut = chain[:last] + chain[last + 1 :]
    assert verify.broken(cut, ends) == [f"public.studies_study {study.pk}: the chain does not end where its head says"]
    emptied = [link for link in chain if link.tbl != "public.studies_study"]
    assert verify.broken(emptied, ends) == [f"public.studies_study {study.pk}: all 2 changes are missing"]


def test_the_actor_does_not_survive_its_transaction() -> None:
    with psycopg.connect(administrator_dsn(connection.settings_dict["NAME"])) as other:
        other.execute("SELECT set_config('portal.actor', 'user:somebody', true)")
        other.commit()
        assert other.execute("SELECT coalesce(current_setting('portal.actor', true), '')").fetchone() == ("",)


def test_a_migration_writes_under_its_own_name(study: Study) -> None:
    def rename(apps: object, schema_editor: object) -> None:
        Study.objects.filter(pk=study.pk).update(name="Renamed by a migration")

    migration = migrations.Migration("0009_rename_the_study", "studies")
    migration.operations = [migrations.RunPython(rename, migrations.RunPython.noop)]
    command = Command(stdout=StringIO())
    command.verbosity = 1
    executor = MigrationExecutor(connection, command.migration_progress_callback)
    with database_role("portal_owner"):
        executor.apply_migration(executor.loader.project_state(), migration)
    assert acting_now.get().actor == "user:suite"
    written = changes("studies_study")[-1]
    assert (written["actor"], written["login"]) == ("migration:studies.0009_rename_the_study", "portal_owner")
    assert written["new"]["name"] == "Renamed by a migration"


def test_the_check_names_a_table_that_is_not_watched() -> None:
    with database_role("portal_owner"), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE public.forgotten (id uuid PRIMARY KEY)")
    (found,) = check_every_table(None, databases=["default"])
    assert (found.id, found.msg) == ("audit.E001", "public.forgotten is not watched by the audit trail.")
    with database_role("portal_owner"):
        assert attach() == ["public.forgotten"]
    assert check_every_table(None, databases=["default"]) == []
    assert check_every_table(None) == []


def test_an_announcement_is_committed_before_what_it_announces() -> None:
    name = f"suite announces {uuid.uuid4()}"

    def seen() -> list[tuple[str, str]]:
        with psycopg.connect(administrator_dsn(connection.settings_dict["NAME"])) as other:
            return other.execute("SELECT actor, target FROM audit.event WHERE name = %s", [name]).fetchall()

    with transaction.atomic():
        events.record(name, study="XO", target="rolled back with the act")
        events.record_now(name, study="XO", target="kept")
        assert seen() == [("user:suite", "kept")]
        transaction.set_rollback(True)
    assert seen() == [("user:suite", "kept")]


def test_actor_and_reason_end_with_their_block(study: Study) -> None:
    with acting("system:test:7", request_id="r1"), because("slip", "typed twice"):
        study.name = "Named"
        study.save()
    study.name = "Named again"
    study.save()
    found = [(c["actor"], c["request_id"], c["reason_code"], c["reason"]) for c in changes("studies_study")]
    assert found[1:] == [("system:test:7", "r1", "slip", "typed twice"), ("user:suite", "", "", "")]


def test_a_broken_transaction_does_not_hide_the_first_fault(study: Study) -> None:
    with pytest.raises(DatabaseError, match="division by zero"), transaction.atomic(), acting("user:other"):
        connection.cursor().execute("SELECT 1/0")
    study.name = "After"
    study.save()
    assert changes("studies_study")[-1]["actor"] == "user:suite"
