"""One account, one side of the blind: attacked with two real connections, old views, ends in the future."""

import os
import re
import threading
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from django.db import transaction
from psycopg import errors

from studyportal.accounts.roles import UNBLINDED_ROLES, Role
from studyportal.audit.context import acting
from studyportal.embedded.folder import DataFolder
from tests.conftest import DATA, administrator_dsn, clone_template
from tests.factories.studies import make_study
from tests.factories.worlds import connected

LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
WEB, VAULT = ("portal_web", "rater"), ("portal_vault", "pharmacist")
ADDRESS = (
    'INSERT INTO public.account_emailaddress (user_id, email, verified, "primary")'
    " VALUES (%s, 'mine@example.org', true, true)"
)
REVIVE = "UPDATE public.accounts_studymembership SET {} WHERE user_id = %s AND NOT is_unblinded"
GIVE = (
    "INSERT INTO public.accounts_studymembership (id, user_id, study_id, role, started_at, ended_at)"
    " VALUES (%s, %s, %s, %s, now(), %s)"
)


class Pair:
    """An account without credentials, and real connections as the blinded door, the vault and the administrator."""

    def __init__(self, name: str) -> None:
        self.name, self.account, self.open = name, uuid.uuid4(), []
        self.admin = psycopg.connect(administrator_dsn(name), autocommit=True)
        self.studies = [row[0] for row in self.admin.execute("SELECT id FROM public.studies_study ORDER BY code")]
        self.run(
            self.admin,
            "INSERT INTO public.accounts_user (id, username, full_name, email, password, is_active, date_joined)"
            " VALUES (%s, %s, 'N', '', '!', true, now())", self.account, f"n{self.account.hex}",
        )  # fmt: skip

    def connect(self, login: str) -> psycopg.Connection:
        folder = DataFolder(DATA)
        made = psycopg.connect(
            host=str(folder.run / "pg"), user=login, password=folder.secret(f"{login}_password"), dbname=self.name
        )
        self.open.append(made)
        return made

    def begin(self, login: str, level: str) -> psycopg.Connection:
        """Open a transaction whose view of the rows is taken now."""
        made = self.connect(login)
        made.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        made.execute("SELECT 1 FROM public.accounts_studymembership")
        return made

    @staticmethod
    def run(made: psycopg.Connection, statement: str, *parameters: object) -> None:
        with made.transaction():
            made.execute("SELECT set_config('portal.actor', 'user:suite', true)")
            made.execute(statement, parameters)

    def give(self, made: psycopg.Connection, role: str, *, study: int = 0, ended: str | None = None) -> None:
        made.execute("SELECT set_config('portal.actor', 'user:suite', true)")
        made.execute(GIVE, [uuid.uuid4(), self.account, self.studies[study], role, ended])

    def sides(self) -> set[bool]:
        found = self.admin.execute(
            "SELECT is_unblinded FROM public.accounts_studymembership WHERE user_id = %s AND"
            " (is_unblinded OR ended_at IS NULL OR ended_at > now())", [self.account],
        )  # fmt: skip
        return {side for (side,) in found}

    def close(self) -> None:
        for one in (*self.open, self.admin):
            one.close()


@pytest.fixture(scope="module")
def database(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[str]:
    """Return a database with two studies, to which everything is really committed."""
    name = f"portal_sides_{os.getpid()}"
    clone_template(name)
    with django_db_blocker.unblock(), connected(name), acting("user:suite"), transaction.atomic():
        make_study("XO")
        make_study("YO")
    yield name
    with psycopg.connect(administrator_dsn(), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def pair(database: str) -> Iterator[Pair]:
    made = Pair(database)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("first", "second", "sides"),
    [
        (WEB, VAULT, {False}),
        (VAULT, WEB, {True}),
    ],
)
def test_of_two_simultaneous_grants_one_is_refused(
    pair: Pair, first: tuple[str, str], second: tuple[str, str], sides: set[bool]
) -> None:
    one, other = pair.connect(first[0]), pair.connect(second[0])
    pair.give(one, first[1])
    said: list[Exception | None] = []

    def grant() -> None:
        try:
            pair.give(other, second[1], study=1)
            other.commit()
            said.append(None)
        except psycopg.Error as refused:
            said.append(refused)

    waiting = threading.Thread(target=grant)
    waiting.start()
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while waiting.is_alive() and pair.admin.execute(waits).fetchone() == (0,):
        pass
    assert said == []  # it waits for the first to end
    one.commit()
    waiting.join(30)
    assert isinstance(said[0], errors.CheckViolation)
    assert pair.sides() == sides


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("portal_vault", "pharmacist"), ("portal_web", "rater")),
        (("portal_web", "rater"), ("portal_vault", "pharmacist")),
    ],
)
def test_an_old_view_of_the_rows_does_not_let_both_sides_in(
    pair: Pair, level: str, first: tuple[str, str], second: tuple[str, str]
) -> None:
    """Write skew: the second transaction began before the first gave its role, and does not see it."""
    old = pair.begin(second[0], level)
    now = pair.connect(first[0])
    pair.give(now, first[1])
    now.commit()
    with pytest.raises((errors.CheckViolation, errors.InvalidTransactionState)):
        pair.give(old, second[1])
    old.rollback()
    assert pair.sides() == {first[1] == "pharmacist"}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE public.accounts_user SET password = 'mine' WHERE id = %s",
        "INSERT INTO public.mfa_authenticator (user_id, type, data, created_at) VALUES (%s, 'totp', '{}', now())",
        ADDRESS,
    ],
)
def test_an_old_view_does_not_let_the_blinded_door_write_what_opens_the_vault(
    pair: Pair, level: str, statement: str
) -> None:
    old = pair.begin("portal_web", level)
    vault = pair.connect("portal_vault")
    pair.give(vault, "pharmacist")
    vault.commit()
    old.execute("SELECT set_config('portal.actor', 'user:suite', true)")
    with pytest.raises((errors.InsufficientPrivilege, errors.InvalidTransactionState)):
        old.execute(statement, [pair.account])
    old.rollback()
    assert pair.admin.execute("SELECT password FROM public.accounts_user WHERE id = %s", [pair.account]).fetchone() == (
        "!",
    )
    held = "SELECT count(*) FROM public.mfa_authenticator WHERE user_id = %s"
    assert pair.admin.execute(held, [pair.account]).fetchone() == (0,)


def test_a_blinded_role_that_ends_in_the_future_still_counts(pair: Pair) -> None:
    web, vault = pair.connect("portal_web"), pair.connect("portal_vault")
    pair.give(web, "rater", ended="2999-01-01")
    web.commit()
    with pytest.raises(errors.CheckViolation):
        pair.give(vault, "pharmacist")
    vault.rollback()
    assert pair.sides() == {False}


@pytest.mark.parametrize("login", ["portal_web", "portal_vault"])
@pytest.mark.parametrize(
    "change",
    [
        REVIVE.format("ended_at = NULL"),
        REVIVE.format("ended_at = '2999-01-01'"),
        REVIVE.format("role = 'monitor', ended_at = NULL"),
    ],
)
def test_an_ended_role_is_not_revived_on_the_other_side(pair: Pair, login: str, change: str) -> None:
    web, vault = pair.connect("portal_web"), pair.connect("portal_vault")
    pair.give(web, "rater", ended="2020-01-01")
    web.commit()
    pair.give(vault, "pharmacist", study=1)  # whoever was blinded once may become unblinded, never the other way
    vault.commit()
    with pytest.raises(errors.CheckViolation):
        pair.run(pair.connect(login), change, pair.account)
    assert pair.sides() == {True}


@pytest.mark.parametrize("role", sorted(UNBLINDED_ROLES))
def test_a_role_is_not_turned_into_one_of_the_other_side(pair: Pair, role: str) -> None:
    web, vault = pair.connect("portal_web"), pair.connect("portal_vault")
    pair.give(web, "rater")
    pair.give(web, "monitor", study=1)
    web.commit()
    turn = "UPDATE public.accounts_studymembership SET role = %s WHERE user_id = %s AND role = 'rater'"
    for made, refusal in ((web, errors.DatabaseError), (vault, errors.CheckViolation)):
        with pytest.raises(refusal):
            pair.run(made, turn, role, pair.account)
    assert pair.sides() == {False}


def test_an_account_that_was_closed_and_opened_again_keeps_its_side(pair: Pair) -> None:
    vault, web = pair.connect("portal_vault"), pair.connect("portal_web")
    pair.give(vault, "pharmacist", ended="2020-01-01")
    vault.commit()
    for active in (False, True):
        pair.run(vault, "UPDATE public.accounts_user SET is_active = %s WHERE id = %s", active, pair.account)
    with pytest.raises(errors.CheckViolation):
        pair.give(web, "rater", study=1)
    web.rollback()
    assert pair.sides() == {True}


def test_the_database_knows_the_same_unblinded_roles(pair: Pair) -> None:
    """The roles stand in SQL three times; a role added in Python alone would be blinded there."""
    functions = "SELECT prosrc FROM pg_proc WHERE proname = 'refuse_mixed_blinding'"
    column = (
        "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND"
        " a.attnum = d.adnum WHERE adrelid = 'public.accounts_studymembership'::regclass AND attname = 'is_unblinded'"
    )
    for statement in (functions, column):
        (text,) = pair.admin.execute(statement).fetchone()
        assert {word for word in re.findall(r"'([a-z_]+)'", text) if word in set(Role)} == UNBLINDED_ROLES
