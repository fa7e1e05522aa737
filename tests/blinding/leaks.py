"""The catalogue of planted leaks: each makes one channel depend on the secret, in one to a few lines."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from celery import current_app
from django.core import mail
from django.db import connection
from django.http import HttpRequest
from rest_framework.renderers import JSONRenderer

from participants.models import Participant
from participants.selectors import participant_for, participants_for
from sessions.models import ImportedResult, QuantificationRun, Spectrum, StudySession
from sessions.policies import Precondition, randomization_preconditions
from sessions.services import store
from sessions.services.lcmodel import quantify
from sessions.services.randomization import allocate
from sessions.views.downloads import download_name
from studyportal.errors import InvalidInput
from studyportal.middleware import SecurityHeadersMiddleware
from studyportal.reports.spectrum_datasets import Frames, infusions_at, run_frames
from tests.blinding.planting import SECRET, Leak, Plant, answered, body, everywhere, header, replaced


def status(request: HttpRequest, response: Any, second: bool) -> None:
    if second and response.status_code == 200:
        response.status_code = 203


def cookie(request: HttpRequest, response: Any, second: bool) -> None:
    response.set_cookie("seen", "1", max_age=100 + second)


def log_text(request: HttpRequest, response: Any, second: bool) -> None:
    logging.getLogger("sessions").info("shown %s", "later" if second else "now")


def log_extra(request: HttpRequest, response: Any, second: bool) -> None:
    logging.getLogger("sessions").info("shown", extra={"code": int(second)})


def log_count(request: HttpRequest, response: Any, second: bool) -> None:
    for _ in range(1 + second):
        logging.getLogger("sessions").info("shown")


def statement_count(request: HttpRequest, response: Any, second: bool) -> None:
    if second:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")


def statement_text(request: HttpRequest, response: Any, second: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::int", [int(second)])


def file_written(request: HttpRequest, response: Any, second: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE public.participants_participant SET number = number WHERE false")
    store.put(b"kit " + str(second).encode())


def listed(change: Callable[[Any], Any]) -> Plant:
    """Change the list of participants."""
    return lambda: everywhere(participants_for, lambda viewer, study: change(participants_for(viewer, study)))


def _ranked(found: Any) -> Any:
    from django.db.models import Case, IntegerField, Value, When

    second = [number for number in SECRET.world.sequences if SECRET.second(number)]
    rank = Case(When(number__in=second, then=Value(0)), default=Value(1), output_field=IntegerField())
    return found.annotate(rank=rank).order_by("rank", "number")


def _shortened(found: Any) -> Any:
    return found.exclude(number__in=[number for number in SECRET.world.sequences if SECRET.second(number)])


def one_more_query() -> Any:
    """Look twice at participants with the second sequence."""

    def again(viewer: Any, study: Any, number: str) -> Participant:
        if SECRET.second(number):
            participant_for(viewer, study, number)
        return participant_for(viewer, study, number)

    return everywhere(participant_for, again)


def allocating(change: Callable[[str, bool], str]) -> Plant:
    """Do something at the moment of randomization, when the slot is known."""

    def taken(**asked: Any) -> str | None:
        number = allocate(**asked)
        return change(number, SECRET.slot_second(number)) if number else number

    return lambda: everywhere(allocate, taken)


def _numbered(number: str, second: bool) -> str:
    return f"{number[:-1]}{2 * (int(number[-1]) // 2) + second}"


def _mailed(number: str, second: bool) -> str:
    mail.send_mail("Prepare a capsule", "A capsule waits.", None, ["south@example.org" if second else "n@example.org"])
    return number


def _mailed_subject(number: str, second: bool) -> str:
    mail.send_mail(f"Kit {1000 + second}", "A kit waits.", None, ["pharmacy@example.org"])
    return number


def _mailed_twice(number: str, second: bool) -> str:
    for _ in range(1 + second):
        mail.send_mail("Prepare a capsule", "A capsule waits.", None, ["pharmacy@example.org"])
    return number


def _queued_argument(number: str, second: bool) -> str:
    current_app.send_task("sessions.prepare", args=[f"kit-{int(second)}"])
    return number


def _queued_name(number: str, second: bool) -> str:
    current_app.send_task("sessions.prepare_b" if second else "sessions.prepare_a", args=[])
    return number


def _one_change_more(number: str, second: bool) -> str:
    if second:
        Participant.objects.filter(number="XO-009").update(age_years=35)
    return number


def _there_and_back(number: str, second: bool) -> str:
    """Change a row and change it back: no table shows it, the trail does."""
    for years in (35, 34) if second else ():
        Participant.objects.filter(number="XO-001").update(age_years=years)
    return number


def sessions_made(change: Callable[[list[Any]], list[Any]]) -> Plant:
    """Change how the sessions of a freshly randomized participant are written."""
    real = StudySession.objects.bulk_create

    def create(made: Any, *args: Any, **kwargs: Any) -> Any:
        made = list(made)
        second = made and SECRET.slot_second(made[0].participant.randomization_number)
        return real(change(made) if second else made, *args, **kwargs)

    return lambda: patch.object(StudySession.objects, "bulk_create", create)


def _in_order_of_keys(made: list[Any]) -> list[Any]:
    import uuid

    for place, one in enumerate(made):
        one.pk = uuid.UUID(int=one.pk.int & ~(0xFF << 120) | ((0xF0 - place) << 120))
    return made


def rendered(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Plant:
    """Change the API's rows of participants with the second sequence."""
    real = JSONRenderer.render

    def render(self: Any, data: Any, *args: Any, **kwargs: Any) -> bytes:
        if isinstance(data, dict) and isinstance(data.get("results"), list):
            rows = [change(dict(row)) if SECRET.named(repr(row)) else row for row in data["results"]]
            data = {**data, "results": rows}
        return bytes(real(self, data, *args, **kwargs))

    return lambda: patch.object(JSONRenderer, "render", render)


def chart() -> Any:
    """Draw the components of a fit in another order where the spectrum's participant has the second sequence."""
    real = SecurityHeadersMiddleware.__call__

    def call(self: Any, request: HttpRequest) -> Any:
        response = real(self, request)
        if request.path.endswith("/fit.json") and response.status_code == 200 and SECRET.second("XO-001"):
            drawn = json.loads(response.content)
            response.content = json.dumps(drawn | {"components": dict(reversed(drawn["components"].items()))}).encode()
        return response

    return patch.object(SecurityHeadersMiddleware, "__call__", call)


def late_infusions() -> Any:
    """Let the minutes of functional spectra follow the sequence."""

    def told(study: Any, sites: Any) -> dict[Any, datetime]:
        numbers = dict(StudySession.objects.filter(participant__study=study).values_list("pk", "participant__number"))
        begun = infusions_at(study, sites)
        return {pk: at + timedelta(minutes=SECRET.second(numbers[pk])) for pk, at in begun.items()}

    return everywhere(infusions_at, told)


def fewer_runs() -> Any:
    """Leave the runs of the second sequence out of the functional tables."""

    def framed(*asked: Any, **more: Any) -> Frames:
        found = run_frames(*asked, **more)
        return replace(found, runs=[run for run in found.runs if not SECRET.second(run["participant"])])

    return everywhere(run_frames, framed)


def one_read_more() -> Any:
    """Ask the database once more for each run of the second sequence."""
    real = Frames.frame

    def frame(self: Frames, run: dict[str, Any]) -> dict[str, Any]:
        if SECRET.second(run["participant"]):
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        return real(self, run)

    return patch.object(Frames, "frame", frame)


def file_of_a_table() -> Any:
    """Name the downloads of a run by the sequence."""

    def named(run: QuantificationRun, suffix: str) -> str:
        second = SECRET.second(run.spectrum.session.participant.number)
        return download_name(run, f"{1 + second}.{suffix}")

    return everywhere(download_name, named)


def refused_by_lcmodel() -> Any:
    """Let LCModel refuse the spectra of the second sequence in other words."""

    def asked(*, spectrum: Spectrum, by: Any) -> ImportedResult:
        if SECRET.second(spectrum.session.participant.number):
            raise InvalidInput("LCModel cannot fit this spectrum.")
        return quantify(spectrum=spectrum, by=by)

    return everywhere(quantify, asked)


def remaining() -> Any:
    """Let the wizard say that the stratum still has places."""

    def shown(participant: Participant) -> list[Precondition]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) - max(h.taken) FROM alloc.list_slot s JOIN alloc.stratum h ON h.id = s.stratum_id"
                " WHERE h.key = '01|F'"
            )
            (left,) = cursor.fetchone()
        return [*randomization_preconditions(participant), Precondition("List", True, f"{left} places left")]

    return everywhere(randomization_preconditions, shown)


def is_last_place() -> Any:
    """Let a header say that a stratum is used up."""
    real = SecurityHeadersMiddleware.__call__

    def call(self: Any, request: HttpRequest) -> Any:
        response = real(self, request)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM alloc.list_slot")
            response.headers["X-Capacity"] = str(cursor.fetchone()[0] > 20)
        return response

    return patch.object(SecurityHeadersMiddleware, "__call__", call)


READ_ALLOC = ("GRANT SELECT ON ALL TABLES IN SCHEMA alloc TO portal_web",)
RANDOMIZE = ("randomize",)
LEAKS = (
    Leak("a header names the group", header("X-Group", "2")),
    Leak("an entity tag differs", header("ETag", '"2"', '"1"')),
    Leak("a file name carries the kit", header("Content-Disposition", 'inline; filename="2"', 'inline; filename="1"')),
    Leak("caching differs", header("Cache-Control", "no-cache", "no-store")),
    Leak("a cookie's life differs", answered(cookie)),
    Leak("the status differs", answered(status)),
    Leak("an HTML comment", body("<!-- b -->")),
    Leak("a class", body('<span class="sequence-2"></span>')),
    Leak("a data attribute", body('<span data-arm="2"></span>')),
    Leak("white space", body(" ")),
    Leak("the largest value of a field", body('<input type="number" max="50">')),
    Leak("a word is written differently", replaced(b"Participant", b"participant")),
    Leak("the order of a list", listed(_ranked), ("participants", "v1:participants")),
    Leak("the length and count of a list", listed(_shortened), ("participants", "v1:participants")),
    Leak("one statement more in a selector", one_more_query, ("withdraw", "consent")),
    Leak("one statement more in the middleware", answered(statement_count)),
    Leak("a statement's parameter", answered(statement_text)),
    Leak("a log line's text", answered(log_text)),
    Leak("a log line's extra", answered(log_extra)),
    Leak("the number of log lines", answered(log_count)),
    Leak("a file in the store", answered(file_written)),
    Leak("the randomization number's parity", allocating(_numbered), RANDOMIZE),
    Leak("who gets mail", allocating(_mailed), RANDOMIZE),
    Leak("the subject of a mail", allocating(_mailed_subject), RANDOMIZE),
    Leak("the number of mails", allocating(_mailed_twice), RANDOMIZE),
    Leak("a task's argument", allocating(_queued_argument), RANDOMIZE),
    Leak("a task's name", allocating(_queued_name), RANDOMIZE),
    Leak("another row changes", allocating(_one_change_more), RANDOMIZE),
    Leak("a change that is taken back", allocating(_there_and_back), RANDOMIZE),
    Leak("the order in which rows lie", sessions_made(lambda made: made[::-1]), RANDOMIZE),
    Leak("the order of primary keys", sessions_made(_in_order_of_keys), RANDOMIZE),
    Leak("the order of keys in JSON", rendered(lambda row: dict(reversed(row.items()))), ("v1:participants",)),
    Leak("missing instead of null", rendered(lambda row: {k: v for k, v in row.items() if v is not None}),
         ("v1:participants",)),
    Leak("40.0 instead of 40", rendered(lambda row: {k: float(v) if type(v) is int else v for k, v in row.items()}),
         ("v1:participants",)),
    Leak("the order of a chart's curves", chart, ("quantification-fit",)),
    Leak("minutes that follow the sequence", late_infusions, ("v1:mrs_series",)),
    Leak("the count of a functional table", fewer_runs, ("v1:mrs_changes",)),
    Leak("one statement more in a functional table", one_read_more, ("v1:mrs_transients",)),
    Leak("the name of a functional file", file_of_a_table, ("quantification-table",)),
    Leak("another refusal of LCModel", refused_by_lcmodel, ("spectrum-lcmodel",)),
    Leak("how many places are left", remaining, RANDOMIZE, "exhausted", READ_ALLOC),
    Leak("that the list is short", is_last_place, ("participants",), "exhausted", READ_ALLOC),
)  # fmt: skip

# Patches of the same places that do not depend on the secret: the suite must stay silent.
HARMLESS = (
    Leak("a header for all", header("X-Group", "1", "1")),
    Leak("a statement for all", answered(lambda request, response, second: statement_text(request, response, True))),
    Leak("mail for all", allocating(lambda number, second: _mailed(number, True)), RANDOMIZE),
)
