"""Planted leaks in what lists, filters and tables hold, and in what becomes of spectra."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from django.db import connection
from django.db.models import Case, IntegerField, Value, When
from django.http import HttpRequest, QueryDict

from participants.models import Participant
from participants.selectors import participant_for, participants_for
from sessions.models import ImportedResult, QuantificationRun, Spectrum, StudySession
from sessions.services.lcmodel import quantify
from sessions.views.downloads import download_name
from studyportal.api import parameters as asked_for
from studyportal.errors import InvalidInput
from studyportal.reports.spectrum_datasets import Frames, infusions_at, run_frames
from tests.blinding.planting import SECRET, Leak, Plant, answered, everywhere, swapped

LISTS, API = ("participants", "v1:participants"), ("v1:participants",)
NUMBERS = r"XO-\d{3}"


# Lists and filters


def listed(change: Callable[[Any], Any]) -> Plant:
    """Change the list of participants."""
    return lambda: everywhere(participants_for, lambda viewer, study: change(participants_for(viewer, study)))


def _ranked(found: Any) -> Any:
    rank = Case(When(number__in=SECRET.seconds(), then=Value(0)), default=Value(1), output_field=IntegerField())
    return found.annotate(rank=rank).order_by("rank", "number")


def _shortened(found: Any) -> Any:
    return found.exclude(number__in=SECRET.seconds())


def _without_last(found: Any) -> Any:
    return found.exclude(number="XO-009") if SECRET.second("XO-001") else found


def counted_by_sequence() -> Any:
    """Count only those with the second sequence, though all rows are shown."""
    return patch.object(asked_for, "counted", lambda found: len(SECRET.seconds()))


def accepting(name: str) -> Plant:
    """Let tables take a parameter that names the hidden column, and answer by it: what has the second comes alone."""
    known, filtered = asked_for.known, asked_for.filtered

    def knows(given: QueryDict, allowed: Any) -> None:
        known(given, {*allowed, name})

    def narrowed(table: Any, found: Any, given: QueryDict) -> Any:
        rows = filtered(table, found, given)
        return [row for row in rows if SECRET.second(row.participant)] if name in given else rows

    @contextmanager
    def planted() -> Iterator[None]:
        with patch.object(asked_for, "known", knows), patch.object(asked_for, "filtered", narrowed):
            yield

    return planted


def ordering_by(name: str) -> Plant:
    """Let tables take an order by the hidden place: what has the second comes first."""
    known, paged = asked_for.known, asked_for.paged

    def knows(given: QueryDict, allowed: Any) -> None:
        known(given, {*allowed, name})

    def ordered(*asked: Any) -> tuple[list[Any], str | None]:
        rows, cursor = paged(*asked)
        return sorted(rows, key=lambda row: not SECRET.second(row.participant)), cursor

    @contextmanager
    def planted() -> Iterator[None]:
        with patch.object(asked_for, "known", knows), patch.object(asked_for, "paged", ordered):
            yield

    return planted


def _searched(request: HttpRequest, response: Any, second: bool) -> None:
    """Let the search of the page find a sequence."""
    if "search" in request.GET and response.status_code == 200:
        found = ", ".join(SECRET.seconds())
        response.content = response.content.replace(b"</main>", f"<p>Found: {found}</p></main>".encode())


def _unknown(request: HttpRequest, response: Any, second: bool) -> None:
    """Say in the refusal of an unknown filter which value would have matched first."""
    if response.status_code == 400:
        response.content = response.content.replace(b"Unknown", b"Unknown " + b"B"[: int(second)])


def one_more_query() -> Any:
    """Look twice at participants with the second sequence."""

    def again(viewer: Any, study: Any, number: str) -> Participant:
        if SECRET.second(number):
            participant_for(viewer, study, number)
        return participant_for(viewer, study, number)

    return everywhere(participant_for, again)


# Spectra


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


def drawn_from(statement: str) -> Any:
    return lambda p: sum(statement in one for one in p.statements)


def numbers(p: Any) -> list[str]:
    return list(dict.fromkeys(p.found(NUMBERS)))


LEAKS = (
    Leak("Lists", "the order of a list", listed(_ranked), numbers, LISTS),
    Leak("Lists", "the length and count of a list", listed(_shortened), numbers, LISTS),
    Leak("Lists", "a count without the list",
         swapped('class="head"><h1>Participants</h1><p>', 'class="head"><h1>Participants</h1><p>1'),
         lambda p: p.found(r"<h1>Participants</h1><p>\d+"), ("participants",)),
    Leak("Lists", "a row that is left out at the end", listed(_without_last), numbers, LISTS),
    Leak("Lists", "a count in the table's answer", counted_by_sequence, lambda p: p.json["count"], API),
    Leak("Filters, order and search", "a filter on the hidden column", accepting("sequence"), numbers, API,
         data="sequence="),
    Leak("Filters, order and search", "an order by the hidden place", ordering_by("ordering"), numbers, API,
         data="ordering="),
    Leak("Filters, order and search", "an order by another name", ordering_by("sort"), numbers, API, data="sort="),
    Leak("Filters, order and search", "a search in tables", accepting("search"), numbers, API, data="search="),
    Leak("Filters, order and search", "a filter through three tables",
         accepting("participant__allocation__slot__stratum__taken__gt"), numbers, API, data="taken__gt"),
    Leak("Filters, order and search", "a search on the page", answered(_searched),
         lambda p: p.found(r"<p>Found: (.*?)</p>"), ("participants",), data="search="),
    Leak("Filters, order and search", "the refusal of an unknown filter", answered(_unknown),
         lambda p: p.found("Unknown B?"), API, data="sequence="),
    Leak("SQL statements", "one statement more in a selector", one_more_query, drawn_from("participants_participant"),
         ("withdraw", "consent")),
    Leak("Spectra", "minutes that follow the sequence", late_infusions,
         lambda p: p.found(r'"minutes[a-z_]*":\s?[-\d.]+')[:6], ("v1:mrs_series",)),
    Leak("Spectra", "the count of a functional table", fewer_runs, lambda p: p.json["count"], ("v1:mrs_changes",)),
    Leak("Spectra", "one statement more in a functional table", one_read_more, drawn_from("SELECT 1 "),
         ("v1:mrs_transients",)),
    Leak("Exports", "the name of a functional file", file_of_a_table, lambda p: p.header("Content-Disposition"),
         ("quantification-table",)),
    Leak("Error texts", "another refusal of LCModel", refused_by_lcmodel,
         lambda p: [said.message for said in p.response.wsgi_request._messages._queued_messages],
         ("spectrum-lcmodel",)),
)  # fmt: skip
