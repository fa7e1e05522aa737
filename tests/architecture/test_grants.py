"""Each login's privileges: as committed, and as the server really answers."""

import os
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction

from studyportal.audit import grants
from studyportal.audit.tables import attach_after_migrate
from tests.conftest import database_role
from tests.factories import journey

pytestmark = pytest.mark.django_db

SNAPSHOT = Path(__file__).with_name("grants.txt")
BLINDED = ("portal_web", "portal_worker", "portal_readonly")
ALLOC = (
    "allocation", "list_slot", "randomization_list", "stratum", "reveal_step", "key_share_set", "key_restore_test",
    "minimization_request", "planned_unblinding", "replacement",
    "kit", "kit_act", "kit_count", "kit_movement", "kit_shipment",
    "emergency_sheet", "emergency_line",
)  # fmt: skip
TRAIL = ("change", "event", "obj_head")


def privileges(login: str, schema: str) -> set[str]:
    """Return what `login` holds on anything in `schema`, as `thing PRIVILEGE`."""
    held = set()
    for line in grants.snapshot().splitlines():
        grantee, thing = line.split(" ", 1)
        if grantee in {login, "PUBLIC"} and (f" {schema}." in thing or thing.startswith(f"schema {schema} ")):
            held.add(thing)
    return held


def test_the_privileges_are_those_of_the_committed_snapshot() -> None:
    now = grants.snapshot()
    if os.environ.get("UPDATE_GRANTS"):
        SNAPSHOT.write_text(now)
    committed = SNAPSHOT.read_text() if SNAPSHOT.exists() else ""
    added = sorted(set(now.splitlines()) - set(committed.splitlines()))
    gone = sorted(set(committed.splitlines()) - set(now.splitlines()))
    assert (added, gone) == ([], []), (
        "The database's privileges differ from tests/architecture/grants.txt. Read the difference; when it is meant, "
        "run this test once with UPDATE_GRANTS=1 and commit the file."
    )


def test_the_blinded_logins_hold_nothing_in_alloc_but_functions() -> None:
    # What both may look up is the number that is drawn and not yet written down; only the web asks, takes and cancels.
    looks = {"alloc.minimization_of(uuid)", "alloc.undelivered()"}
    acts = {
        "alloc.allocate(uuid,uuid,text,uuid)", "alloc.ask_minimization(uuid,uuid,jsonb,uuid,uuid)",
        "alloc.cancel_minimization(uuid)", "alloc.is_minimized(uuid)",
        "alloc.reconcile(uuid,uuid,uuid,text,text,uuid,boolean)",
    }  # fmt: skip
    for login, functions in (("portal_web", looks | acts), ("portal_worker", looks)):
        execute = {f"function {name} EXECUTE" for name in functions}
        assert privileges(login, "alloc") == {"schema alloc USAGE", *execute}
    assert privileges("portal_readonly", "alloc") == set()


def test_b4_the_server_grants_the_blinded_logins_no_privilege_in_the_secret() -> None:
    """B4, asked of the server itself: tables, columns, sequences and functions, each verb, whoever granted it."""
    relations = (
        "SELECT c.oid::regclass::text || ' ' || verb FROM pg_class c, unnest(%s::text[]) AS verb"
        " WHERE c.relnamespace = 'alloc'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
        " AND (has_table_privilege(%s, c.oid, verb) OR"
        " (verb IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') AND has_any_column_privilege(%s, c.oid, verb)))"
    )
    verbs = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"]
    functions = (
        "SELECT DISTINCT p.proname FROM pg_proc p WHERE p.pronamespace = 'alloc'::regnamespace"
        " AND has_function_privilege(%s, p.oid, 'EXECUTE')"
    )
    # Each takes or answers what a site may know: numbers, never what they stand for.
    looks = {"minimization_of", "undelivered"}
    acts = {"allocate", "reconcile", "is_minimized", "ask_minimization", "cancel_minimization"}
    for login, executed in (("portal_web", looks | acts), ("portal_worker", looks)):
        with connection.cursor() as cursor:
            cursor.execute(relations, [verbs, login, login])
            assert cursor.fetchall() == [], login
            cursor.execute(functions, [login])
            assert {name for (name,) in cursor.fetchall()} == executed, login
            cursor.execute("SELECT has_schema_privilege(%s, 'alloc', 'CREATE')", [login])
            assert cursor.fetchone() == (False,)


def test_nobody_holds_anything_in_the_trail_but_what_is_named() -> None:
    note = "function audit.note(text,text,text,jsonb) EXECUTE"
    usage, trail = "schema audit USAGE", "view audit.blinded_change SELECT"
    # Whether an allocation was seen before a moment: an analysis protocol drafted later cannot be signed.
    revealed = "function audit.was_revealed(text,timestamp with time zone) EXECUTE"
    assert privileges("portal_web", "audit") == {usage, note, trail, revealed}
    assert privileges("portal_worker", "audit") == {usage, note}
    assert privileges("portal_vault", "audit") == {usage, note, trail, "table audit.event SELECT"}
    assert privileges("portal_readonly", "audit") == set()


def test_public_holds_nothing() -> None:
    assert [line for line in grants.snapshot().splitlines() if line.startswith("PUBLIC")] == []


def test_no_login_has_a_special_power_or_is_member_of_another() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'portal\\_%' AND rolname <> 'portal_admin'"
            " AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)"
        )
        assert cursor.fetchall() == []
        cursor.execute(
            "SELECT m.member::regrole::text FROM pg_auth_members m WHERE m.member::regrole::text LIKE 'portal\\_%'"
            " AND m.member::regrole::text <> 'portal_admin'"
        )
        assert cursor.fetchall() == []


@pytest.mark.parametrize("login", BLINDED)
@pytest.mark.parametrize("table", [*(f"alloc.{name}" for name in ALLOC), *(f"audit.{name}" for name in TRAIL)])
def test_every_verb_on_the_secret_and_the_trail_is_refused(login: str, table: str) -> None:
    column = "seq" if table == "audit.obj_head" else "id"
    for statement in (
        f"SELECT count(*) FROM {table}",
        f"SELECT 1 FROM {table} FOR UPDATE",
        f"INSERT INTO {table} DEFAULT VALUES",
        f"UPDATE {table} SET {column} = NULL",
        f"DELETE FROM {table}",
        f"TRUNCATE {table}",
        f"COPY {table} TO STDOUT",
        f"LOCK TABLE {table} IN ACCESS SHARE MODE",
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
        f"CREATE INDEX ON {table} ({column})",
    ):
        with pytest.raises(DatabaseError) as refused, database_role(login), transaction.atomic():
            connection.cursor().execute(statement)
        said = str(refused.value)
        assert "permission denied" in said or "must be owner" in said, statement


@pytest.mark.parametrize("login", ["portal_worker", "portal_readonly", "portal_vault"])
def test_only_the_web_login_may_allocate(world: object, login: str) -> None:
    journey.activate_list(world)
    participant = journey.eligible(world)
    call = "SELECT alloc.allocate(%s, %s, '01|F', gen_random_uuid())"
    with pytest.raises(DatabaseError, match="permission denied"), database_role(login), transaction.atomic():
        connection.cursor().execute(call, [participant.pk, participant.study_id])
    with connection.cursor() as cursor:
        cursor.execute(call, [participant.pk, participant.study_id])
        assert cursor.fetchone()[0].startswith("R-")


def test_the_worker_and_the_readonly_login_see_no_key_of_a_door() -> None:
    for login in ("portal_worker", "portal_readonly"):
        for table in ("django_session", "mfa_authenticator", "accounts_apitoken"):
            with pytest.raises(DatabaseError, match="permission denied"), database_role(login), transaction.atomic():
                connection.cursor().execute(f"SELECT 1 FROM public.{table}")


def test_the_readonly_login_reads_study_data_and_writes_nothing(world: object) -> None:
    with database_role("portal_readonly"), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM public.studies_study")
        assert cursor.fetchone() == (2,)
    for statement in ("UPDATE public.studies_study SET name = 'x'", "SELECT 1 FROM pii.identity"):
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            database_role("portal_readonly"),
            transaction.atomic(),
        ):
            connection.cursor().execute(statement)


def test_each_migrate_takes_back_what_was_granted_by_hand() -> None:
    before = grants.snapshot()
    with database_role("portal_owner"):
        connection.cursor().execute(
            "GRANT SELECT ON alloc.list_slot TO portal_web; GRANT ALL ON public.studies_study TO PUBLIC;"
            " GRANT SELECT ON audit.change TO portal_worker; GRANT EXECUTE ON FUNCTION audit.record() TO PUBLIC"
        )
        assert grants.snapshot() != before
        attach_after_migrate("default")
    assert grants.snapshot() == before


def test_a_new_function_of_the_owner_is_pinned_by_migrate() -> None:
    with database_role("portal_owner"), connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION public.careless() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';"
            " CREATE FUNCTION public.careful() RETURNS int LANGUAGE sql SECURITY DEFINER"
            " SET search_path = pg_catalog, public AS 'SELECT 1'"
        )
        attach_after_migrate("default")
        cursor.execute(
            "SELECT proname, proconfig FROM pg_proc WHERE proname IN ('careful', 'careless') ORDER BY proname"
        )
        assert cursor.fetchall() == [
            ("careful", ["search_path=pg_catalog, public, pg_temp"]),
            ("careless", ["search_path=pg_catalog, pg_temp"]),
        ]
