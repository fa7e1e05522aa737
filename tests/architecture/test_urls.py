"""Default-deny, walked: every address of both doors says what it needs; strangers get the public set only."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from studyportal.accounts.roles import BLINDED_ROLES, KNOWN_TO_RATERS, ROLE_PERMISSIONS, Permission, Role
from tests.factories.world import World

DOORS = {"web": "studyportal.urls", "vault": "studyportal.vault_urls"}
# `sign-in-again` renews an expired sign-in over an open rating form: it checks the password itself.
# `enrol` and `delivery` open with the secret in their address, `delivery-shown` in the browser that opened one.
PUBLIC = {"healthz", "account_login", "account_inactive", "mfa_authenticate", "sign-in-again", "enrol",
          "delivery", "delivery-shown"}  # fmt: skip
# Autosave and uploads keep what was typed or has arrived and ask for the password in place; a redirect would lose it.
ASKED_BY_SCRIPT = {"rating-changes", "upload", "uploads"}
SIGNED_IN = {
    "account", "choose-study", "account_logout", "account_reauthenticate", "account_change_password", "mfa_index",
    "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp", "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
}  # fmt: skip
BLANKS = {
    "uuid": "00000000-0000-4000-8000-000000000000", "int": "1", "str": "XO-001", "slug": "recruitment", "path": "x",
}  # fmt: skip


@dataclass(frozen=True)
class Address:
    """One leaf of a door's site map."""

    door: str
    route: str
    name: str
    declared: object

    @property
    def path(self) -> str:
        """An address that matches the route."""
        return "/" + re.sub(r"<(?:(\w+):)?\w+>", lambda found: BLANKS[found[1] or "str"], self.route)


def leaves(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from leaves(pattern.url_patterns, route)
        else:
            yield route, pattern


def addresses() -> list[Address]:
    return [
        Address(door, route, pattern.name or "", getattr(pattern.callback, "required_permission", None))
        for door, urlconf in DOORS.items()
        for route, pattern in leaves(get_resolver(urlconf).url_patterns)
    ]


EVERY = addresses()


def test_both_doors_are_walked_whole() -> None:
    for door, urlconf in DOORS.items():
        walked = [one for one in EVERY if one.door == door]
        assert len(walked) > 20, door
        assert all(one.name for one in walked), [one.route for one in walked if not one.name]
        assert not any(re.search(r"\(\?P", one.route) for one in walked), "plain routes only: a pattern can hide one"
        assert {one.name for one in walked} >= {"home", "account_login", "participants" if door == "web" else "lists"}
        assert import_module(urlconf).handler404 == "studyportal.error_pages.not_found"


@pytest.mark.parametrize("address", EVERY, ids=lambda one: f"{one.door}:{one.name}")
def test_every_view_says_what_it_needs(address: Address) -> None:
    if address.declared == "public":
        assert address.name in PUBLIC, f"{address.route} is public and not in the short list"
    elif address.declared == "signed_in":
        assert address.name in SIGNED_IN, f"{address.route} needs no study and is not in the list"
    else:
        needed = address.declared if isinstance(address.declared, tuple) else (address.declared,)
        known = set(Permission) | {"members_only"}
        assert needed, address.route
        assert set(needed) <= known, f"{address.route} declares no permission: use @requires, @members_only or @public"


def test_no_door_mounts_a_view_of_the_other() -> None:
    shared = ("studyportal.accounts.", "studyportal.health", "studyportal.api.", "allauth.", "rest_framework.")
    served = {
        door: {
            f"{pattern.callback.__module__}.{pattern.callback.__name__}"
            for _, pattern in leaves(get_resolver(urlconf).url_patterns)
        }
        for door, urlconf in DOORS.items()
    }
    both = {name for name in served["web"] & served["vault"] if not name.startswith(shared)}
    assert both == set()
    assert not [name for name in served["web"] if "vault" in name or "unblind" in name.lower()]


@pytest.mark.django_db
@pytest.mark.parametrize("door", list(DOORS))
@pytest.mark.parametrize("method", ["get", "post"])
def test_strangers_are_sent_to_sign_in_or_refused(client_for, door: str, method: str) -> None:
    client = client_for(door=door)
    for address in EVERY:
        if address.door != door or address.declared == "public":
            continue
        answer = getattr(client, method)(address.path)
        if address.path.startswith("/api/v1/") or address.name in ASKED_BY_SCRIPT:
            assert answer.status_code == 401, address
        else:
            assert answer.status_code == 302, address
            assert answer.headers["Location"].split("?")[0] == "/account/login/", address


@pytest.mark.django_db
@pytest.mark.parametrize("door", list(DOORS))
def test_for_a_member_of_the_other_side_no_page_of_a_study_exists(world: World, client_for, door: str) -> None:
    stranger = world.unblinded_statistician if door == "web" else world.coordinator
    client = client_for(stranger, door=door)
    for address in EVERY:
        if address.door != door or address.declared in {"public", "signed_in"}:
            continue
        for method in ("get", "post"):
            answer = getattr(client, method)(address.path)
            # POST alone on a page for looking: Django says which methods there are before the view is asked.
            assert answer.status_code in {404, 405}, f"{method} {address.path}: {answer.status_code}"
            assert method == "post" or answer.status_code == 404 or not answer.headers["Allow"].startswith("GET")


@pytest.mark.django_db
def test_for_a_rater_only_what_a_rater_may_know_exists(world: World, client_for) -> None:
    """404 where participants or sessions lie behind; 403 with a sentence where the page is known to exist."""
    client, seen = client_for(world.rater), set()
    for address in EVERY:
        needed = set(address.declared) if isinstance(address.declared, tuple) else {address.declared}
        lacking = needed & set(Permission) - ROLE_PERMISSIONS[Role.RATER]
        if address.door != "web" or not lacking:
            continue
        expected = 404 if lacking - KNOWN_TO_RATERS else 403
        for method in ("get", "post"):
            status = getattr(client, method)(address.path).status_code
            assert status in {expected, 405}, f"{method} {address.path}: {status}"
            seen.add(status)
    assert seen == {403, 404, 405}


@pytest.mark.django_db
@pytest.mark.parametrize("role", [role for role in sorted(BLINDED_ROLES) if role != Role.RATER])
def test_a_colleagues_page_is_refused_in_a_sentence(world: World, client_for, role: Role) -> None:
    client, held = client_for(world.people[role.value]), ROLE_PERMISSIONS[role]
    for address in EVERY:
        if address.door != "web" or not isinstance(address.declared, Permission) or address.declared in held:
            continue
        answer = client.get(address.path)
        assert answer.status_code in {403, 405}, f"{address.path}: {answer.status_code}"
        if answer.status_code == 403:
            assert f"does not include: {address.declared.words}" in answer.content.decode()


@pytest.mark.django_db
def test_a_format_suffix_opens_nothing(world: World, client_for) -> None:
    client = client_for(world.statistician)
    for suffix in (".json", ".csv", ".api"):
        assert client.get(f"/api/v1/participants{suffix}").status_code == 404
        assert client.get(f"/api/v1/participants/{suffix}").status_code == 404


def test_csrf_and_sign_in_stand_before_every_view(settings) -> None:
    order = settings.MIDDLEWARE
    for name in (
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ):
        assert order.count(name) == 1
