"""Runs of one reveal each, forked and killed; in a process that is the vault of a data folder and a database.

python benchmarks/killing/reveals.py KILLS SEED        (started by benchmarks/unblinding.py)
"""

import json
import os
import random  # noqa: TID251 - when to kill
import select
import signal
import sys
import time
from dataclasses import asdict

import django

django.setup()
from django.db import connection, transaction

from benchmarks.unblinding import Result
from participants.models import Participant
from sessions.allocation import emergency, services
from studyportal.accounts.models import User
from studyportal.audit.context import acting
from studyportal.studies.models import Study

BEGUN, OPENED, ANSWERED = b"B", b"O", b"A"
WARM_UP = 5


def reveal_once(number: int, pipe: int) -> None:
    """Reveal one participant and answer, as a request at the vault does; say on the pipe what has happened."""
    unsealing = services.unseal

    def watched(blob: bytes, info: str) -> bytes:
        os.write(pipe, OPENED)  # before the plaintext exists
        return unsealing(blob, info)

    announcing = services.events.record_now

    def announced(*told: object, **more: object) -> None:
        os.write(pipe, BEGUN)
        announcing(*told, **more)

    services.unseal, services.events.record_now = watched, announced
    # Password and code come before the announcement, and a code opens once in half a minute.
    emergency.signatures.check_password = emergency.check_code = lambda *_: None
    study = Study.objects.order_by("code").first()
    by = User.objects.filter(memberships__role="pharmacist").first()
    people = Participant.objects.filter(study=study).exclude(randomization_number="").order_by("number")
    participant = people[number % people.count()]
    request_id = f"run-{number}"
    with acting(f"user:{by.username}", request_id=request_id):
        with transaction.atomic():
            emergency.reveal_treatments(
                study=study, participant_id=participant.pk, reason_code="emergency", reason="Killed on purpose",
                password="", code="", by=by,
            )  # fmt: skip
        with transaction.atomic():
            shown = emergency.shown_again(study=study, participant_id=participant.pk, request_id=request_id, by=by)
    assert shown.treatments
    os.write(pipe, ANSWERED)


def one_run(number: int, seconds: float | None) -> tuple[bytes, float]:
    """Fork a process for one reveal; kill it `seconds` after it began to announce, or never.

    Return what it said, and the seconds from the beginning of the announcement to its end.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            reveal_once(number, writing)
        finally:
            os._exit(0)
    os.close(writing)
    said = b""
    began = until = None
    while True:
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            os.kill(child, signal.SIGKILL)
            until = None
            continue
        if select.select([reading], [], [], left)[0]:
            part = os.read(reading, 64)
            if not part:
                break
            said += part
            if began is None:
                began = time.monotonic()
                until = None if seconds is None else began + seconds
    os.close(reading)
    os.waitpid(child, 0)
    return said, time.monotonic() - (began or 0)


def runs(kills: int, seed: int) -> Result:
    """Kill so many reveals in this process's database, at random times between announcement and answer."""
    warm = [one_run(-number - 1, None) for number in range(WARM_UP)]
    assert all(said.endswith(ANSWERED) for said, _ in warm), warm
    length = sorted(seconds for _, seconds in warm)[WARM_UP // 2]
    draw = random.Random(seed)
    said = {f"run-{number}": one_run(number, draw.uniform(0.0, 1.0) * length)[0] for number in range(kills)}
    with connection.cursor() as cursor:
        cursor.execute("SELECT request_id FROM audit.event WHERE name = 'participant unblinded'")
        announced = {request_id for (request_id,) in cursor.fetchall()}
    opened = {one for one, what in said.items() if OPENED in what}
    answered = {one for one, what in said.items() if ANSWERED in what}
    return Result(
        kills=kills, killed_before_the_announcement=len(said.keys() - announced),
        announced_only=len((said.keys() & announced) - opened), opened=len(opened), answered=len(answered),
        opened_before_announced=len(opened - announced), answered_before_announced=len(answered - announced),
        milliseconds_a_reveal=round(1000 * length, 1),
    )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(asdict(runs(int(sys.argv[1]), int(sys.argv[2])))))
