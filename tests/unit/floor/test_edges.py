"""Refusals at the edge: one status each, headers on every answer, log lines without a value, one movable clock."""

import datetime
import json
import logging
import sys

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.test import RequestFactory
from rest_framework.exceptions import AuthenticationFailed, Throttled, ValidationError

from studyportal import clock
from studyportal.accounts.client_address import behind_proxy
from studyportal.errors import BlindingViolation, InvalidInput, InvalidState, NotFound, NotPermitted, StudyError
from studyportal.log_lines import AllowListFormatter
from studyportal.middleware import SecurityHeadersMiddleware, StudyErrorMiddleware, status_of
from studyportal.problems import problem_page, problem_response
from tests.factories.world import World


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotPermitted("No."), 403),
        (NotFound("No."), 404),
        (BlindingViolation("No."), 404),
        (InvalidState("No."), 409),
        (InvalidInput("No."), 422),
        (StudyError("No."), 409),
    ],
)
def test_each_refusal_has_one_status_on_pages_and_in_the_api(error: StudyError, status: int) -> None:
    assert status_of(error) == status
    answer = problem_response(error, {})
    assert (answer.status_code, answer.data["status"], answer.data["detail"]) == (status, status, "No.")
    assert answer.content_type == "application/problem+json"


def test_a_refusal_names_its_fields_and_its_own_code() -> None:
    error = InvalidInput("Look again.", fields={"days": "Too many."}, code="too_many")
    body = problem_response(error, {}).data
    assert body == {
        "type": "too_many", "title": "Too many", "status": 422, "detail": "Look again.", "trace_id": "",
        "errors": [{"pointer": "/days", "detail": "Too many."}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [(Http404(), 404, "not_found"), (PermissionDenied(), 403, "permission_denied"), (Throttled(3), 429, "throttled")],
)
def test_what_the_frameworks_refuse_is_a_problem_document_too(error: Exception, status: int, kind: str) -> None:
    answer = problem_response(error, {})
    assert (answer.status_code, answer.data["type"]) == (status, kind)
    assert ("Retry-After" in answer.headers) == (status == 429)


def test_a_bare_list_of_faults_keeps_its_words_and_a_missing_sign_in_says_how() -> None:
    assert "errors" not in problem_response(ValidationError(["Wrong."]), {}).data
    error = AuthenticationFailed("Unknown.")
    error.auth_header = "Bearer"
    assert problem_response(error, {}).headers["WWW-Authenticate"] == "Bearer"


def test_a_fault_of_ours_is_nobodys_problem_document() -> None:
    assert problem_response(RuntimeError("secret"), {}) is None


def test_a_problem_without_an_api_view_carries_the_trace_id() -> None:
    request = RequestFactory().get("/api/v1/nothing/")
    request.request_id = "abc"
    answer = problem_page(request, code="not_found", detail="Nothing here.", status=404)
    assert json.loads(answer.content) == {
        "type": "not_found", "title": "Not found", "status": 404, "detail": "Nothing here.", "trace_id": "abc",
    }  # fmt: skip


def test_every_answer_is_private_and_opens_no_browser_feature() -> None:
    wrapped = SecurityHeadersMiddleware(lambda _: HttpResponse("x"))
    answer = wrapped(RequestFactory().get("/"))
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Permissions-Policy"].startswith("camera=()")
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    kept = SecurityHeadersMiddleware(lambda _: HttpResponse(headers={"Cache-Control": "private"}))
    assert kept(RequestFactory().get("/")).headers["Cache-Control"] == "private"


def test_the_error_middleware_leaves_faults_alone() -> None:
    middleware = StudyErrorMiddleware(lambda _: HttpResponse("x"))
    request = RequestFactory().get("/")
    assert middleware(request).content == b"x"
    assert middleware.process_exception(request, RuntimeError("x")) is None


@pytest.mark.django_db
def test_a_refusal_becomes_a_page_with_its_sentence(world: World, client_for) -> None:
    answer = client_for(world.rater).get("/account/team/")
    assert answer.status_code == 403
    assert "does not include: manage team" in answer.content.decode()


@pytest.mark.django_db
def test_a_stale_form_says_so_and_changes_nothing(world: World, client_for) -> None:
    client = client_for(world.administrator, enforce_csrf_checks=True)
    answer = client.post("/account/team/", {"username": "rater", "role": "monitor"})
    assert answer.status_code == 403
    assert "This form was open for too long" in answer.content.decode()
    assert world.rater.memberships.count() == 1


@pytest.mark.django_db
def test_a_fault_on_a_page_is_a_page_without_details(world: World, client_for, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("studyportal.accounts.views.team_of", broken)
    answer = client_for(world.administrator, raise_request_exception=False).get("/account/team/")
    assert answer.status_code == 500
    assert "Something failed on the server" in answer.content.decode()
    assert "secret" not in answer.content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(("door", "more"), [("web", {}), ("vault", {"vault_worker": "stopped"})])
def test_the_health_check_asks_the_database(client_for, door: str, more: dict[str, str]) -> None:
    answer = client_for(door=door).get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", **more})


class TestLogLines:
    def line(self, **extra: object) -> dict[str, object]:
        record = logging.LogRecord("portal", logging.INFO, "f.py", 1, "took %s", ("XO-001",), None)
        for name, value in extra.items():
            setattr(record, name, value)
        return json.loads(AllowListFormatter().format(record))

    def test_arguments_and_unknown_extras_stay_out(self) -> None:
        line = self.line(job="a1", participant="XO-001", status=200)
        assert (line["message"], line["job"], line["status"]) == ("took %s", "a1", 200)
        assert "XO-001" not in json.dumps(line)

    def test_an_error_is_its_kind_and_place_without_its_words(self) -> None:
        try:
            raise ValueError("Robin Example")  # noqa: TRY301 - the trace is the point
        except ValueError:
            record = logging.LogRecord("portal", logging.ERROR, "f.py", 1, "failed", (), sys.exc_info())
        line = json.loads(AllowListFormatter().format(record))
        assert line["error"] == "ValueError"
        assert line["where"].split(":")[0].endswith("test_edges.py")
        assert "Robin" not in json.dumps(line)

    def test_an_error_without_a_trace_has_no_place(self) -> None:
        record = logging.LogRecord("portal", logging.ERROR, "f.py", 1, "failed", (), (ValueError, ValueError(), None))
        assert json.loads(AllowListFormatter().format(record))["where"] == ""


def test_the_clock_moves_only_inside_its_block() -> None:
    moment = datetime.datetime(2026, 3, 29, 2, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
    with clock.at(moment):
        assert clock.now() == moment
        assert clock.now().tzinfo is datetime.UTC
    assert clock.now() > moment


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        ({}, "127.0.0.1"),
        ({"X-Forwarded-For": "203.0.113.7"}, "203.0.113.7"),
        ({"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}, "203.0.113.7"),
    ],
)
def test_behind_our_proxy_the_last_forwarded_address_counts(headers: dict[str, str], seen: str) -> None:
    assert behind_proxy(RequestFactory().get("/", headers=headers)) == seen
