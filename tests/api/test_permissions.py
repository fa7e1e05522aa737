"""Every operation of both doors x every role x every state of a token; nothing else gets in, and nothing changes."""

import datetime

import pytest
from django.db import connection

from studyportal import clock
from studyportal.accounts.roles import ROLE_PERMISSIONS, Permission, Role
from studyportal.api.tables import TABLES
from studyportal.api.throttle import PullThrottle
from tests.conftest import standing_at
from tests.factories import pulls
from tests.factories.people import make_member
from tests.factories.pulls import bearer, door_of, stored_token, why
from tests.factories.world import World

pytestmark = pytest.mark.django_db
NAMES = [table.name for table in TABLES]
FULL = frozenset(NAMES)
MAY: dict[Role, frozenset[str]] = {role: frozenset() for role in Role} | {
    Role.IMAGING_ANALYST: FULL - {"madrs_items", "madrs_totals", "adverse_events", "deviations"},
    Role.DATA_MANAGER: FULL - {"mrs_concentrations", "mrs_series", "mrs_changes", "mrs_effects"},
    Role.STATISTICIAN: FULL,
    Role.UNBLINDED_STATISTICIAN: FULL,
}
DIGEST = """
SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM (
    SELECT prefix, revoked_at, expires_at FROM accounts_apitoken UNION ALL
    SELECT number, randomized_at, screened_at FROM participants_participant UNION ALL
    SELECT status, started_at, completed_at FROM study_sessions_studysession
) AS t
"""


def digest() -> str:
    with connection.cursor() as cursor:
        cursor.execute(DIGEST)
        return cursor.fetchone()[0]


def other(door: str) -> str:
    return "web" if door == "vault" else "vault"


@pytest.mark.parametrize("role", list(Role))
def test_each_role_pulls_its_tables_and_no_other(world: World, client_for, role: Role) -> None:
    door = door_of(role)
    key = stored_token(world.people[role.value], world.study, door)
    before, client = digest(), client_for(door=door)
    statuses = {name: client.get(f"/api/v1/{name}/", why(door), **bearer(key)).status_code for name in NAMES}
    refused = 404 if role == Role.RATER else 403  # what raters may not know of does not exist for them
    assert statuses == {name: 200 if name in MAY[role] else refused for name in NAMES}
    index = client.get("/api/v1/", **bearer(key))
    assert index.status_code == 200
    assert {table["name"] for table in index.json()["tables"]} == MAY[role]
    assert digest() == before


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("state", ["none", "nonsense", "revoked", "expired", "other door", "closed account"])
def test_no_role_gets_in_without_a_living_token_of_this_door(world: World, client_for, role: Role, state: str) -> None:
    user, door = world.people[role.value], door_of(role)
    header = {}
    if state == "nonsense":
        header = bearer("sp_00000000_nonsense")
    elif state == "revoked":
        header = bearer(stored_token(user, world.study, door, revoked_at=clock.now()))
    elif state == "expired":
        header = bearer(stored_token(user, world.study, door, expires_at=clock.now() - datetime.timedelta(seconds=1)))
    elif state == "other door":
        header = bearer(stored_token(user, world.study, other(door)))
    elif state == "closed account":
        header = bearer(stored_token(user, world.study, door))
        user.is_active = False
        with standing_at(door):
            user.save()
    before, client = digest(), client_for(door=door)
    for address in ("", *(f"{name}/" for name in NAMES)):
        answer = client.get(f"/api/v1/{address}", **header)
        assert answer.status_code == 401, address
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert digest() == before


@pytest.mark.parametrize("role", [Role.STATISTICIAN, Role.UNBLINDED_STATISTICIAN])
def test_a_token_opens_its_own_study_only(world: World, client_for, role: Role) -> None:
    door = door_of(role)
    pulls.fill(world)
    elsewhere = make_member("yo-person", role, world.other_study)
    client = client_for(door=door)
    own = bearer(stored_token(elsewhere, world.other_study, door))
    foreign = bearer(stored_token(elsewhere, world.study, door))
    for name in NAMES:
        assert client.get(f"/api/v1/{name}/", why(door), **own).json()["count"] == 0, name
        assert client.get(f"/api/v1/{name}/", why(door), **foreign).status_code == 403, name


def test_a_role_that_ended_takes_its_tokens_along(world: World, client_for) -> None:
    key = stored_token(world.statistician, world.study, "web")
    client = client_for()
    assert client.get("/api/v1/participants/", **bearer(key)).status_code == 200
    world.statistician.memberships.update(ended_at=clock.now())
    for address in ("", "participants/"):
        assert client.get(f"/api/v1/{address}", **bearer(key)).status_code == 403


def test_a_member_of_one_site_gets_that_site_only(world: World, client_for) -> None:
    filled = pulls.fill(world)
    southern = make_member("south-statistician", Role.STATISTICIAN, world.study, world.other_site)
    key = stored_token(southern, world.study, "web")
    client = client_for()
    found = client.get("/api/v1/participants/", **bearer(key)).json()["results"]
    assert [row["participant"] for row in found] == [filled.south.number]
    asked = client.get("/api/v1/sessions/", {"participant": filled.north.number}, **bearer(key))
    assert asked.json() == {"count": 0, "next": None, "results": []}
    for name in NAMES:
        body = client.get(f"/api/v1/{name}/", **bearer(key)).json()
        assert filled.north.number not in str(body), name


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_can_be_written(world: World, client_for, method: str) -> None:
    key = stored_token(world.statistician, world.study, "web")
    before = digest()
    for name in NAMES:
        answer = getattr(client_for(), method)(f"/api/v1/{name}/", {}, "application/json", **bearer(key))
        assert answer.status_code == 405, name
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert digest() == before


def test_a_signed_in_browser_reads_with_its_own_rights(world: World, client_for) -> None:
    assert client_for(world.statistician).get("/api/v1/madrs_totals/").status_code == 200
    assert client_for(world.rater).get("/api/v1/madrs_totals/").status_code == 404
    refused = client_for(world.coordinator).get("/api/v1/madrs_totals/")
    assert refused.status_code == 403
    assert refused.json()["detail"].startswith("Your role in this study does not include this table.")
    assert client_for(world.statistician, door="vault").get("/api/v1/madrs_totals/").status_code == 404


def test_somebody_of_several_studies_is_asked_for_one_first(world: World, client_for) -> None:
    world.statistician.memberships.create(study=world.other_study, role=Role.STATISTICIAN)
    answer = client_for(world.statistician).get("/api/v1/participants/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/account/study/")


class TestProblems:
    @pytest.fixture
    def header(self, world: World) -> dict[str, str]:
        return bearer(stored_token(world.statistician, world.study, "web"))

    def test_an_unknown_table_is_404(self, header, client_for) -> None:
        for path in ("/api/v1/allocations/", "/api/v1/participants/XO-001/", "/api/v2/participants/"):
            answer = client_for().get(path, **header)
            assert answer.status_code == 404
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["type"] == "not_found"
        assert client_for().get("/nowhere/").headers["Content-Type"].startswith("text/html")

    def test_an_unknown_media_type_is_406(self, header, client_for) -> None:
        answer = client_for().get("/api/v1/participants/", headers={"accept": "application/xml"}, **header)
        assert answer.status_code == 406
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["type"] == "not_acceptable"

    def test_an_error_of_a_csv_pull_is_a_problem_document_too(self, header, client_for) -> None:
        answer = client_for().get("/api/v1/participants/?format=csv&sex=F", **header)
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["pointer"] == "/sex"
        assert answer.json()["trace_id"]

    def test_too_many_requests_are_told_how_long_to_wait(self, header, client_for, monkeypatch) -> None:
        monkeypatch.setattr(PullThrottle, "rate", "2/min", raising=False)
        client = client_for()
        assert [client.get("/api/v1/participants/", **header).status_code for _ in range(2)] == [200, 200]
        answer = client.get("/api/v1/participants/", **header)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 61
        assert answer.headers["Content-Type"] == "application/problem+json"

    def test_throttles_count_each_person_apart(self, world: World, client_for, monkeypatch) -> None:
        monkeypatch.setattr(PullThrottle, "rate", "1/min", raising=False)
        first, second = client_for(world.statistician), client_for(world.data_manager)
        assert first.get("/api/v1/participants/").status_code == 200
        assert second.get("/api/v1/participants/").status_code == 200
        assert first.get("/api/v1/participants/").status_code == 429

    def test_a_fault_of_ours_is_a_problem_document_without_details(self, header, client_for, monkeypatch) -> None:
        def broken(*_: object) -> None:
            raise RuntimeError("secret detail")

        monkeypatch.setattr("studyportal.api.views.parameters.page", broken)
        answer = client_for(raise_request_exception=False).get("/api/v1/participants/", **header)
        assert answer.status_code == 500
        assert "secret" not in answer.content.decode()
        assert answer.json()["trace_id"]


def test_the_matrix_of_this_test_speaks_of_every_role_that_may_export() -> None:
    exporting = {
        role for role, held in ROLE_PERMISSIONS.items() if held & {Permission.DATA_EXPORT, Permission.UNBLINDED_EXPORT}
    }
    assert exporting == {role for role, tables in MAY.items() if tables}
