"""Planted leaks in what is done beside an answer, and at the moment of randomization."""

import logging
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from celery import current_app
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest

from participants.models import Participant
from sessions.policies import Precondition, randomization_preconditions
from sessions.services import store
from sessions.services.randomization import enrol
from studyportal.audit.context import because
from studyportal.middleware import SecurityHeadersMiddleware
from tests.blinding.planting import SECRET, Leak, Plant, allocating, answered, everywhere, sessions_made
from tests.factories.worlds import PLACES

RANDOMIZE = ("randomize",)
NEWEST = "(SELECT id FROM participants_participant WHERE randomized_at IS NOT NULL ORDER BY randomized_at DESC LIMIT 1)"
SESSIONS = (
    "SELECT p.number, substr(s.id::text, 15, 1) FROM study_sessions_studysession s"
    f" JOIN study_sessions_period p ON p.id = s.period_id WHERE s.participant_id = {NEWEST} ORDER BY s."
)
NUMBER = f"SELECT randomization_number FROM participants_participant WHERE id = {NEWEST}"
CHANGES = "SELECT count(*) FROM audit.blinded_change WHERE tbl LIKE '%%participants_participant'"
REASONS = "SELECT body::jsonb ->> 'reason' FROM audit.blinded_change WHERE body LIKE '%%\"reason_code\": \"suite\"%%'"
TIME = f"SELECT randomized_at FROM participants_participant WHERE id = {NEWEST}"
# The base has more places than these, the world whose strata are used up has fewer.
ENOUGH = PLACES // 2


# What is done beside an answer


def statement_count(request: HttpRequest, response: Any, second: bool) -> None:
    if second:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")


def statement_text(request: HttpRequest, response: Any, second: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::int", [int(second)])


def statement_order(request: HttpRequest, response: Any, second: bool) -> None:
    for statement in ("SELECT 1", "SELECT 2")[:: -1 if second else 1]:
        with connection.cursor() as cursor:
            cursor.execute(statement)


def logged(say: Callable[[bool], None]) -> Plant:
    return answered(lambda request, response, second: say(second))


def _told(second: bool) -> None:
    logging.getLogger("sessions").info("shown %s", "later" if second else "now")


def _told_extra(second: bool) -> None:
    logging.getLogger("sessions").info("shown", extra={"code": int(second)})


def _told_twice(second: bool) -> None:
    for _ in range(1 + second):
        logging.getLogger("sessions").info("shown")


def _told_louder(second: bool) -> None:
    logging.getLogger("sessions").log(logging.WARNING if second else logging.INFO, "shown")


def _told_by_another(second: bool) -> None:
    logging.getLogger("sessions.b" if second else "sessions.a").info("shown")


def _failed(second: bool) -> None:
    try:
        [][50 * (1 + second)]
    except IndexError:
        dose = f"dose {50 * (1 + second)}"
        logging.getLogger("sessions").exception(dose)


def file_written(request: HttpRequest, response: Any, second: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE public.participants_participant SET number = number WHERE false")
    store.put(b"kit " + str(second).encode())


def cached_value(request: HttpRequest, response: Any, second: bool) -> None:
    cache.set("shown", 1 + second)


def cached_name(request: HttpRequest, response: Any, second: bool) -> None:
    cache.set(f"arm-{1 + second}", "shown")


# The moment of randomization


def _even_or_odd(number: str, second: bool) -> str:
    return f"{number[:-1]}{2 * (int(number[-1]) // 2) + second}"


def _range(number: str, second: bool) -> str:
    return f"{number[:2]}{7 if second else 2}{number[3:]}"


def _check_digit(number: str, second: bool) -> str:
    return f"{number}{1 + second}"


def _mailed(number: str, second: bool) -> None:
    mail.send_mail("Prepare a capsule", "A capsule waits.", None, ["south@example.org" if second else "n@example.org"])


def _mailed_subject(number: str, second: bool) -> None:
    mail.send_mail(f"Kit {1000 + second}", "A kit waits.", None, ["pharmacy@example.org"])


def _mailed_body(number: str, second: bool) -> None:
    mail.send_mail("A kit waits", "Bring two." if second else "Bring one.", None, ["pharmacy@example.org"])


def _mailed_twice(number: str, second: bool) -> None:
    for _ in range(1 + second):
        mail.send_mail("Prepare a capsule", "A capsule waits.", None, ["pharmacy@example.org"])


def _mailed_file(number: str, second: bool) -> None:
    message = mail.EmailMessage("A kit waits", "See the file.", None, ["pharmacy@example.org"])
    message.attach(f"label-{1 + second}.txt", "label", "text/plain")
    message.send()


def queued(**by_sequence: Callable[[bool], Any]) -> Plant:
    """Send a task at the moment of randomization; each keyword of `send_task` follows the sequence."""

    def send(number: str, second: bool) -> None:
        given = {"name": "sessions.prepare", "args": ["kit"]}
        current_app.send_task(**given | {key: value(second) for key, value in by_sequence.items()})

    return allocating(send)


def _one_change_more(number: str, second: bool) -> None:
    if second:
        Participant.objects.filter(number="XO-009").update(age_years=35)


def _there_and_back(number: str, second: bool) -> None:
    """Change a row and change it back: no table shows it, the trail does."""
    for years in (35, 34) if second else ():
        Participant.objects.filter(number="XO-001").update(age_years=years)


def _reason(number: str, second: bool) -> None:
    with because("suite", "B" if second else "A"):
        Participant.objects.filter(number="XO-009").update(age_years=35)


def minute_earlier() -> Any:
    """Write another moment of randomization; once written, the database lets nobody change it."""

    def written(locked: Participant, *, number: str, **asked: Any) -> Participant:
        if SECRET.slot_second(number):
            locked.randomized_at -= timedelta(minutes=1)
        return enrol(locked, number=number, **asked)

    return everywhere(enrol, written)


def _in_order_of_keys(made: list[Any]) -> list[Any]:
    for place, one in enumerate(made):
        one.pk = uuid.UUID(int=one.pk.int & ~(0xFF << 120) | ((0xF0 - place) << 120))
    return made


def _keys_of_a_kind(made: list[Any]) -> list[Any]:
    for one in made:
        one.pk = uuid.UUID(int=one.pk.int, version=1)
    return made


def saying(words: Callable[[bool], str]) -> Callable[[], Any]:
    """Add a line to the checks of the wizard."""

    def shown(participant: Participant) -> list[Precondition]:
        line = Precondition("List", True, words(SECRET.places() > ENOUGH))
        return [*randomization_preconditions(participant), line]

    return lambda: everywhere(randomization_preconditions, shown)


def _places(many: bool) -> str:
    return f"{SECRET.places()} places left"


def _full(many: bool) -> str:
    return "enough places" if many else "the block is full"


def is_last_place() -> Any:
    """Let a header say that a stratum is used up."""
    real = SecurityHeadersMiddleware.__call__

    def call(self: Any, request: HttpRequest) -> Any:
        response = real(self, request)
        response.headers["X-Capacity"] = str(SECRET.places() > ENOUGH)
        return response

    return patch.object(SecurityHeadersMiddleware, "__call__", call)


def _most(request: HttpRequest, response: Any, second: bool) -> None:
    """Refuse a dose's duration from another length on."""
    if response.status_code == 422:
        response.content = response.content.replace(b"</main>", b"At most %d minutes</main>" % (45 if second else 40))


def subjects(p: Any) -> list[str]:
    return [message.subject for message in p.mails]


def tasks(p: Any) -> list[Any]:
    return [(one["queue"], one["headers"]["task"], one["headers"]["argsrepr"], one["headers"]["kwargsrepr"],
             one["headers"]["eta"]) for one in p.published]  # fmt: skip


def at_randomization(channel: str, name: str, plant: Plant, shows: Any) -> Leak:
    return Leak(channel, name, plant, shows, RANDOMIZE)


LEAKS = (
    Leak("SQL statements", "one statement more in the middleware", answered(statement_count),
         lambda p: p.statements.count("SELECT 1 None")),
    Leak("SQL statements", "a statement's parameter", answered(statement_text),
         lambda p: [one for one in p.statements if "::int" in one]),
    Leak("SQL statements", "the order of statements", answered(statement_order),
         lambda p: [one for one in p.statements if one in {"SELECT 1 None", "SELECT 2 None"}]),
    Leak("Logs", "a log line's text", logged(_told), lambda p: [r.getMessage() for r in p.logged("sessions")]),
    Leak("Logs", "a log line's extra", logged(_told_extra), lambda p: [r.code for r in p.logged("sessions")]),
    Leak("Logs", "the number of log lines", logged(_told_twice), lambda p: len(p.logged("sessions"))),
    Leak("Logs", "the level of a log line", logged(_told_louder),
         lambda p: [r.levelname for r in p.logged("sessions")]),
    Leak("Logs", "who logs", logged(_told_by_another), lambda p: len(p.logged("sessions.b"))),
    Leak("Logs", "an error report", logged(_failed), lambda p: [r.getMessage() for r in p.logged("sessions")]),
    Leak("Files", "a file in the store", answered(file_written), lambda p: sorted(p.files)),
    Leak("Caches and browser storage", "a value in the shared cache", answered(cached_value),
         lambda p: cache.get("shown")),
    Leak("Caches and browser storage", "a name in the shared cache", answered(cached_name), lambda p: p.cached),
    Leak("Validation", "the largest value that is taken", answered(_most), lambda p: p.found(r"At most \d+"),
         ("session-dose", "session-adverse-event"), status=b"422"),
    at_randomization("Numbers", "the randomization number's parity", allocating(_even_or_odd),
                     lambda p: p.rows(NUMBER)),
    at_randomization("Numbers", "the range of the number", allocating(_range), lambda p: p.rows(NUMBER)),
    at_randomization("Numbers", "a check digit", allocating(_check_digit), lambda p: p.rows(NUMBER)),
    at_randomization("Numbers", "the moment of randomization", minute_earlier, lambda p: p.rows(TIME)),
    at_randomization("Mail", "who gets mail", allocating(_mailed), lambda p: [m.to for m in p.mails]),
    at_randomization("Mail", "the subject of a mail", allocating(_mailed_subject), subjects),
    at_randomization("Mail", "the number of mails", allocating(_mailed_twice), lambda p: len(p.mails)),
    at_randomization("Mail", "the words of a mail", allocating(_mailed_body),
                     lambda p: [m.body[:9] for m in p.mails]),
    at_randomization("Mail", "a file with a mail", allocating(_mailed_file),
                     lambda p: [file[0] for m in p.mails for file in m.attachments]),
    at_randomization("Tasks", "a task's argument", queued(args=lambda second: [f"kit-{int(second)}"]), tasks),
    at_randomization("Tasks", "a task's name", queued(name=lambda second: f"sessions.prepare_{'ab'[second]}"),
                     tasks),
    at_randomization("Tasks", "a task's named argument", queued(kwargs=lambda second: {"arm": int(second)}), tasks),
    at_randomization("Tasks", "when a task runs", queued(countdown=lambda second: 60 * (1 + second)), tasks),
    at_randomization("Tasks", "how urgent a task is", queued(priority=lambda second: 6 * second), tasks),
    at_randomization("Trail", "another row changes", allocating(_one_change_more), lambda p: p.rows(CHANGES)),
    at_randomization("Trail", "a change that is taken back", allocating(_there_and_back), lambda p: p.rows(CHANGES)),
    at_randomization("Trail", "the reason of a change", allocating(_reason), lambda p: p.rows(REASONS)),
    at_randomization("Keys and order of rows", "the order in which rows lie", sessions_made(lambda made: made[::-1]),
                     lambda p: p.rows(f"{SESSIONS}ctid")),
    at_randomization("Keys and order of rows", "the order of primary keys", sessions_made(_in_order_of_keys),
                     lambda p: p.rows(f"{SESSIONS}id")),
    at_randomization("Keys and order of rows", "another kind of primary key", sessions_made(_keys_of_a_kind),
                     lambda p: p.rows(f"{SESSIONS}ctid")),
    Leak("Error texts", "how many places are left", saying(_places), lambda p: p.found(r"\d+ places left"), RANDOMIZE,
         "exhausted", status=b"200"),
    Leak("Error texts", "that the block is full", saying(_full), lambda p: p.found("the block is full"), RANDOMIZE,
         "exhausted", status=b"200"),
    Leak("Headers", "that the list is short", is_last_place, lambda p: p.header("X-Capacity"), ("participants",),
         "exhausted"),
)  # fmt: skip
