"""Ways to ask for a number: the service as a request runs it, and the bare SQL of it for quick tests.

A request whose connection is lost is repeated with its own key, as a browser that got no answer does.
"""

# ruff: noqa: PLC0415 - settings read the data folder when they load: the portal is imported once the folder stands

import multiprocessing
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import psycopg

ACTOR = "SELECT set_config('portal.actor', 'user:race', true)"
PASSWORD = "race-along-safely"
TRIES = 50
PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Request:
    """One request for a number; `taken_back` ones are rolled back once before they are repeated."""

    participant: uuid.UUID
    study: uuid.UUID
    stratum: str
    key: uuid.UUID
    taken_back: bool


@dataclass(slots=True)
class Said:
    """What came back: participant, number, milliseconds and key of each answer; errors; how many lost their line."""

    answers: list[tuple[uuid.UUID, str | None, float, uuid.UUID]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lost: int = 0


class Line(ABC):
    """One connection as the blinded login."""

    lost: tuple[type[Exception], ...] = (psycopg.OperationalError,)

    @abstractmethod
    def ask(self, request: Request, *, taken_back: bool) -> str | None:
        """Randomize; roll it back at the end if asked. Return the number."""

    @abstractmethod
    def again(self) -> None:
        """Connect anew."""


class SqlLine(Line):
    """Does what the service does to the rows of the number, and nothing else."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.connection: Any = psycopg.connect(dsn, autocommit=True)

    def again(self) -> None:
        """Connect anew."""
        self.connection.close()
        self.connection = psycopg.connect(self.dsn, autocommit=True)

    def ask(self, request: Request, *, taken_back: bool) -> str | None:
        """Randomize in one transaction."""
        with self.connection.transaction(force_rollback=taken_back):
            self.connection.execute(ACTOR)
            (present,) = self.connection.execute(
                "SELECT randomization_number FROM participants_participant WHERE id = %s FOR UPDATE",
                [request.participant],
            ).fetchone()
            if present:
                return str(present)
            (number,) = self.connection.execute(
                "SELECT alloc.allocate(%s, %s, %s, %s)",
                [request.participant, request.study, request.stratum, request.key],
            ).fetchone()
            if number is None:
                return None
            self.connection.execute(
                "UPDATE participants_participant SET randomization_number = %s, randomized_at = now(), "
                "status = 'randomized' WHERE id = %s",
                [number, request.participant],
            )
            return str(number)


class ServiceLine(Line):
    """Calls `sessions.services.randomization.randomize`, in the transaction that a request has around it."""

    def __init__(self) -> None:
        from django.db import OperationalError, connection
        from django.db.utils import InterfaceError

        from studyportal.accounts.models import User

        # Our backend speaks to the server itself as well, before Django names the error.
        self.lost = (OperationalError, InterfaceError, psycopg.OperationalError, psycopg.InterfaceError)
        self.close: Callable[[], None] = connection.close
        self.by = User.objects.get(username="race")

    def again(self) -> None:
        """Let Django connect anew."""
        self.close()

    def ask(self, request: Request, *, taken_back: bool) -> str | None:
        """Randomize with password and every precondition."""
        from django.db import transaction

        from participants.models import Participant
        from sessions.services.randomization import RandomizationUnavailable, randomize
        from studyportal.audit.context import acting

        number = None
        with acting("user:race"):
            try:
                with transaction.atomic():
                    one = Participant.objects.select_related("study", "site").get(pk=request.participant)
                    number = randomize(
                        participant=one, request_id=request.key, password=PASSWORD, by=self.by,
                        confirmed_stratum=request.stratum,
                    ).randomization_number  # fmt: skip
                    transaction.set_rollback(taken_back)
            except RandomizationUnavailable:
                return None
        return number


def work_off(
    requests: Sequence[Request], connections: int, line: Callable[[], Line], ready: Callable[[], object]
) -> Said:
    """Ask everything on so many connections at once."""
    waiting: SimpleQueue[Request] = SimpleQueue()
    for request in requests:
        waiting.put(request)
    said, begin = Said(), threading.Barrier(connections, action=ready)

    def one() -> None:
        own = line()
        begin.wait(PATIENCE_SECONDS)
        while True:
            try:
                request = waiting.get_nowait()
            except Empty:
                own.close() if isinstance(own, ServiceLine) else own.connection.close()  # type: ignore[attr-defined]
                return
            _one(own, request, said)

    with ThreadPoolExecutor(connections) as pool:
        for running in [pool.submit(one) for _ in range(connections)]:
            running.result()
    return said


def _one(own: Line, request: Request, said: Said) -> None:
    began, taken_back = time.perf_counter(), request.taken_back
    for _ in range(TRIES):
        try:
            if taken_back:
                own.ask(request, taken_back=True)
                taken_back = False
            number = own.ask(request, taken_back=False)
        except own.lost:
            said.lost += 1
            own.again()
        except Exception as error:
            said.errors.append(f"{type(error).__name__}: {error}")
            return
        else:
            said.answers.append((request.participant, number, 1000 * (time.perf_counter() - began), request.key))
            return
    said.errors.append("no answer after so many tries")


def in_processes(requests: Sequence[Request], connections: int, processes: int) -> tuple[Said, float]:
    """Ask through the service from several Django processes; both requests of a participant go to different ones.

    The environment names data folder, database and settings. Return what was said and the seconds it took.
    """
    context = multiprocessing.get_context("spawn")
    begin, results = context.Barrier(processes + 1), context.SimpleQueue()
    children = [
        context.Process(
            target=_process, args=(list(requests[place::processes]), connections // processes, begin, results)
        )
        for place in range(processes)
    ]
    for child in children:
        child.start()
    begin.wait(PATIENCE_SECONDS)
    began, said = time.perf_counter(), Said()
    for _ in children:
        part = results.get()
        said.answers += part.answers
        said.errors += part.errors
        said.lost += part.lost
    seconds = time.perf_counter() - began
    for child in children:
        child.join()
    return said, seconds


def _process(requests: Sequence[Request], connections: int, begin: Any, results: Any) -> None:
    import django

    django.setup()
    results.put(work_off(requests, connections, ServiceLine, begin.wait))
