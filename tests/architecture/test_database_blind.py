"""What a blinded login could try on the database itself: catalogues, functions, error texts, false names."""

import uuid

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from studyportal.audit import events
from studyportal.audit.context import acting
from studyportal.embedded.folder import DataFolder
from tests.conftest import DATA, database_role, standing_at
from tests.factories import journey
from tests.factories.pulls import token_for
from tests.factories.world import World

pytestmark = pytest.mark.django_db

RUNTIME = ("portal_web", "portal_worker", "portal_vault", "portal_readonly")
BLINDED = ("portal_web", "portal_worker", "portal_readonly")


def rows(statement: str, parameters: object = None) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def refusal(login: str, statement: str) -> str:
    """Return the server's words for a statement that `login` may not run."""
    with pytest.raises(DatabaseError) as refused, database_role(login), transaction.atomic():
        connection.cursor().execute(statement)
    return str(refused.value)


@pytest.mark.parametrize("login", RUNTIME)
@pytest.mark.parametrize(
    "statement",
    [
        "SET session_replication_role = replica",
        "SET ROLE portal_owner",
        "CREATE TEMP TABLE trick (id int)",
        "CREATE TABLE public.trick (id int)",
        "CREATE FUNCTION public.trick() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA trick",
        "DO LANGUAGE plpython3u ''",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT pg_ls_dir('.')",
        "SELECT lo_import('/etc/passwd')",
        "SELECT lo_create(0)",
        "SELECT lo_from_bytea(0, 'x')",
        "SELECT lo_put(1, 0, 'x')",
        "SELECT lo_get(1)",
        "SELECT lo_unlink(1)",
        "SELECT pg_notify('portal', 'x')",
        "SELECT pg_logical_emit_message(true, 'portal', 'x')",
        "ALTER TABLE public.studies_study DISABLE TRIGGER audit_record",
        "DROP TRIGGER audit_record ON public.studies_study",
        "ALTER FUNCTION audit.record() SET search_path = public",
        "CREATE OR REPLACE VIEW audit.blinded_change AS SELECT 1",
        "TRUNCATE public.studies_study CASCADE",
        "DELETE FROM public.studies_study",
    ],
)
def test_no_runtime_login_can_step_round_the_rules(login: str, statement: str) -> None:
    said = refusal(login, statement)
    assert any(word in said for word in ("permission denied", "must be owner", "must be superuser", "does not exist"))


def test_no_runtime_login_runs_a_function_of_large_objects() -> None:
    functions = "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace"
    named = "(proname LIKE 'lo\\_%%' OR proname IN ('loread', 'lowrite'))"
    assert len(rows(f"{functions} AND {named}")) >= 20
    for login in RUNTIME:
        held = f"{functions} AND {named} AND has_function_privilege(%s, oid, 'EXECUTE')"
        assert rows(held, [login]) == [], login


@pytest.mark.parametrize("login", RUNTIME)
def test_a_real_login_cannot_become_another(login: str) -> None:
    folder = DataFolder(DATA)
    with psycopg.connect(
        host=str(folder.run / "pg"), user=login, password=folder.secret(f"{login}_password"),
        dbname=connection.settings_dict["NAME"], autocommit=True,
    ) as own:  # fmt: skip
        others = {"portal_owner", "portal_admin", *RUNTIME} - {login}
        for other in sorted(others):
            for statement in (f"SET SESSION AUTHORIZATION {other}", f"SET ROLE {other}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    own.execute(statement)
        assert own.execute("SELECT session_user::text, current_user::text").fetchone() == (login, login)


@pytest.mark.parametrize("login", BLINDED)
def test_statistics_of_the_secret_are_not_shown(world: World, login: str) -> None:
    journey.activate_list(world)
    with connection.cursor() as cursor, database_role("portal_admin"):
        cursor.execute("ANALYZE alloc.allocation, alloc.list_slot, alloc.stratum, alloc.randomization_list")
        assert rows("SELECT count(*) > 0 FROM pg_stats WHERE schemaname = 'alloc'") == [(True,)]
    with database_role(login):
        assert rows("SELECT tablename FROM pg_stats WHERE schemaname IN ('alloc', 'audit')") == []
        assert rows("SELECT 1 FROM pg_stats_ext") == []
        assert "permission denied" in refusal(login, "SELECT * FROM pg_statistic")


def test_another_logins_statements_are_not_shown() -> None:
    for login in BLINDED:
        with database_role(login):
            shown = {query for (query,) in rows("SELECT query FROM pg_stat_activity WHERE usename <> session_user")}
            assert shown <= {"<insufficient privilege>", None}


def test_the_secret_has_no_object_that_would_count_per_stratum_or_arm(world: World) -> None:
    """Counters and sizes of a table are public in PostgreSQL; each of these tables holds all strata and both arms."""
    journey.activate_list(world)
    relations = "SELECT relname FROM pg_class WHERE relnamespace = 'alloc'::regnamespace AND relkind {} ORDER BY 1"
    assert rows(relations.format("IN ('r', 'p', 'v', 'm', 'f')")) == [
        ("allocation",), ("emergency_line",), ("emergency_sheet",), ("key_restore_test",), ("key_share_set",), ("kit",),
        ("kit_act",), ("kit_count",), ("kit_movement",), ("kit_shipment",), ("list_slot",), ("minimization_request",),
        ("planned_unblinding",), ("randomization_list",), ("replacement",), ("reveal_step",), ("stratum",),
    ]  # fmt: skip
    assert rows(relations.format("= 'S'")) == []
    assert rows("SELECT 1 FROM pg_sequences WHERE schemaname IN ('alloc', 'audit', 'pii', 'jobs')") == []
    assert rows("SELECT 1 FROM pg_inherits") == []


def test_functions_that_run_as_the_owner_are_few_and_look_into_temporary_schemas_last() -> None:
    found = rows(
        "SELECT p.oid::regprocedure::text, p.proowner::regrole::text, array_to_string(p.proconfig, ' ') ~"
        " 'search_path=.*pg_temp\"?( |$)' FROM pg_proc p WHERE p.prosecdef"
        " AND p.pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) ORDER BY 1"
    )
    assert found == [
        ("alloc.allocate(uuid,uuid,text,uuid)", "portal_owner", True),
        ("alloc.allocate_next(uuid,uuid,text,uuid)", "portal_owner", True),
        ("alloc.answer_minimization(uuid,uuid)", "portal_owner", True),
        ("alloc.ask_minimization(uuid,uuid,jsonb,uuid,uuid)", "portal_owner", True),
        ("alloc.cancel_minimization(uuid)", "portal_owner", True),
        ("alloc.clear_design(uuid)", "portal_owner", True),
        ("alloc.is_minimized(uuid)", "portal_owner", True),
        ("alloc.minimization_of(uuid)", "portal_owner", True),
        ("alloc.reconcile(uuid,uuid,uuid,text,text,uuid,boolean)", "portal_owner", True),
        ("alloc.undelivered()", "portal_owner", True),
        ("audit.note(text,text,text,jsonb)", "portal_owner", True),
        ("audit.record()", "portal_owner", True),
        ("audit.refuse_false_actor()", "portal_owner", True),
        ("audit.was_revealed(text,timestamp with time zone)", "portal_owner", True),
        ("refuse_mixed_blinding()", "portal_owner", True),
        ("refuse_other_door()", "portal_owner", True),
    ]


def test_a_planted_type_and_table_are_not_used_by_the_owners_functions(world: World) -> None:
    """Even with the right to temporary objects, which no runtime login has, nothing runs in the owner's name."""
    journey.activate_list(world)
    participant = journey.eligible(world)
    with database_role("portal_admin"):
        connection.cursor().execute(f'GRANT TEMPORARY ON DATABASE "{connection.settings_dict["NAME"]}" TO portal_web')
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE taken (login text)")
        cursor.execute(
            "CREATE FUNCTION pg_temp.steal(anyelement) RETURNS boolean LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO pg_temp.taken VALUES (current_user); RETURN true; END $$"
        )
        for name, builtin in (("text", "text"), ("uuid", "uuid"), ("jsonb", "jsonb"), ("boolean", "bool")):
            cursor.execute(f'CREATE DOMAIN pg_temp."{name}" AS pg_catalog.{builtin} CHECK (pg_temp.steal(VALUE))')
        for planted in ("stratum", "list_slot", "allocation", "obj_head", "change"):
            cursor.execute(f"CREATE TEMP TABLE {planted} (id pg_catalog.uuid)")
        cursor.execute("SELECT alloc.allocate(%s, %s, '01|F', gen_random_uuid())", [participant.pk, world.study.pk])
        assert cursor.fetchone()[0].startswith("R-")
        cursor.execute("SELECT count(*) FROM pg_temp.taken WHERE login <> 'portal_web'")
        assert cursor.fetchone() == (0,)


def test_allocate_says_the_same_nothing_whatever_the_reason(world: World) -> None:
    participant, other = journey.eligible(world), journey.eligible(world)
    call = "SELECT alloc.allocate(%s, %s, %s, %s)"

    def asked(who: object, study: object, stratum: str) -> object:
        return rows(call, [who, study, stratum, uuid.uuid4()])[0][0]

    assert asked(participant.pk, world.study.pk, "01|F") is None  # no active list
    journey.activate_list(world, slots_per_stratum=1)
    assert asked(participant.pk, world.study.pk, "09|F") is None  # no such stratum
    assert asked(participant.pk, world.other_study.pk, "01|F") is None  # another study
    assert asked(uuid.uuid4(), world.study.pk, "01|F") is None  # nobody
    first = asked(participant.pk, world.study.pk, "01|F")
    assert asked(other.pk, world.study.pk, "01|F") is None  # the stratum is used up
    assert asked(participant.pk, world.study.pk, "02|M") == first  # again, whatever is asked


def test_the_trail_that_blinded_logins_read_holds_no_row_of_the_secret(world: World) -> None:
    journey.activate_list(world)
    journey.randomized(world)
    with database_role("portal_owner"):
        assert rows("SELECT count(*) > 0 FROM audit.change WHERE tbl LIKE 'alloc.%%'") == [(True,)]
    hidden = "SELECT count(*) FROM audit.blinded_change WHERE tbl LIKE 'alloc.%%' OR tbl LIKE 'pii.%%'"
    assert rows(hidden) == [(0,)]
    # Without the view's barrier the cast would run on hidden rows, and its error would quote the row.
    for table in ("alloc.allocation", "alloc.list_slot", "alloc.stratum", "public.accounts_user"):
        assert rows("SELECT 1 FROM audit.blinded_change WHERE tbl = %s AND body::int = 1", [table]) == []
    # As rows lie in the table, their places would tell how many hidden rows lie between them.
    assert rows("SELECT tbl, pk, seq FROM audit.blinded_change") == rows(
        "SELECT tbl, pk, seq FROM audit.blinded_change ORDER BY tbl, pk, seq"
    )


def test_the_login_stands_beside_whatever_actor_is_claimed(world: World) -> None:
    with acting("user:unblinded-statistician"):
        events.record("claimed", study="XO", target="everything")
    with database_role("portal_owner"):
        assert rows("SELECT actor, login FROM audit.event WHERE name = 'claimed'") == [
            ("user:unblinded-statistician", "portal_web")
        ]


@pytest.mark.parametrize("login", ["portal_web", "portal_worker", "portal_vault"])
def test_no_runtime_login_can_pass_for_a_migration(world: World, login: str) -> None:
    with database_role(login), acting("migration:studies.0009_false"):
        with pytest.raises(DatabaseError, match="cannot write as a migration"), transaction.atomic():
            connection.cursor().execute("UPDATE public.studies_study SET name = 'x' WHERE code = 'XO'")
        with pytest.raises(DatabaseError, match="cannot write as a migration"), transaction.atomic():
            events.record("claimed", study="XO", target="everything")
    world.study.refresh_from_db()
    assert world.study.name == "Crossover study XO"


def test_an_event_without_an_actor_is_refused() -> None:
    with acting(""), pytest.raises(DatabaseError, match="without an actor"), transaction.atomic():
        events.record("nobody's", study="XO", target="-")


def test_a_door_sees_its_own_sessions_only(world: World, client_for: object) -> None:
    vault = client_for(world.unblinded_statistician, door="vault")
    web = client_for(world.rater)
    key = {door: client.cookies["portal_web_session"].value for door, client in (("vault", vault), ("web", web))}
    held = "SELECT session_key FROM public.django_session ORDER BY 1"
    assert rows(held) == [(key["web"],)]
    with standing_at("vault"):
        assert rows(held) == [(key["vault"],)]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM public.django_session WHERE session_key = %s", [key["vault"]])
        cursor.execute("UPDATE public.django_session SET login = 'portal_vault' WHERE false")
    with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
        connection.cursor().execute("UPDATE public.django_session SET login = 'portal_vault'")
    with standing_at("vault"):
        assert rows(held) == [(key["vault"],)]


def test_a_door_sees_and_makes_its_own_tokens_only(world: World) -> None:
    token_for(world.statistician, world.study)
    token_for(world.unblinded_statistician, world.study, "vault")
    held = "SELECT door FROM public.accounts_apitoken"
    assert rows(held) == [("web",)]
    made = (
        "INSERT INTO public.accounts_apitoken"
        " (id, user_id, study_id, door, name, prefix, digest, created_at, expires_at)"
        " SELECT gen_random_uuid(), user_id, study_id, 'vault', name, 'forged', 'forged', created_at, expires_at"
        " FROM public.accounts_apitoken"
    )
    for forged in ("UPDATE public.accounts_apitoken SET door = 'vault'", made):
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            connection.cursor().execute(forged)
    connection.cursor().execute("UPDATE public.accounts_apitoken SET digest = 'known' WHERE door = 'vault'")
    with standing_at("vault"):
        assert rows(held) == [("vault",)]
        assert rows("SELECT count(*) FROM public.accounts_apitoken WHERE digest = 'known'") == [(0,)]
