"""The demo's pharmacies: shipments received, every session held so far served with a kit, and something of everything.

SYNTHETIC, and run by the vault's half: which kit is dispensed depends on the sequence.
"""

import datetime
import functools
from dataclasses import dataclass, replace
from uuid import UUID

from sessions.allocation import dispensing, kits
from sessions.allocation.kit_ledger import Movement
from sessions.allocation.kit_recall import affected_by
from sessions.allocation.kit_signing import Second
from sessions.models import StudySession
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.audit.context import acting
from studyportal.studies.models import Site, Study

DAY = datetime.timedelta(days=1)
HELD = (StudySession.Status.COMPLETED, StudySession.Status.IN_PROGRESS)
FIRST_LOT, SECOND_LOT = "KX-2601", "KX-2602"


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot of the demo: its name, how many kits of each treatment a shipment of it holds, and its expiry."""

    name: str
    each: int
    expires_on: datetime.date


def stock_and_dispense(study: Study, *, each: int, password: str) -> int:
    """Ship, receive, dispense for every session that was held, take some back; return how many were dispensed."""
    depot, pharmacist = (_remembering(User.objects.get(username=name)) for name in ("unblinded", "pharmacist"))
    now = clock.now()
    opens = datetime.datetime.combine(study.recruitment_starts_on, datetime.time(9), datetime.UTC)
    sites = list(study.sites.order_by("code"))
    first = Lot(FIRST_LOT, each, now.date() + 180 * DAY)
    second = Lot(SECOND_LOT, each // 2, now.date() + 400 * DAY)
    for site in sites:
        sent = _ship(site, first, at=opens + 2 * DAY, by=depot)
        _receive(study, sent, _good(2 * each), at=opens + 3 * DAY, by=pharmacist, password=password)
    held = StudySession.objects.filter(participant__study=study, status__in=HELD).select_related("participant")
    served = list(held.order_by("started_at", "participant__number"))
    for session in served:
        if session.started_at is not None:
            _dispense(session, at=session.started_at - datetime.timedelta(hours=1), by=pharmacist, password=password)
    _return(study, at=now - 2 * DAY, by=pharmacist, password=password)
    _ship(sites[0], second, at=now - 3 * DAY, by=depot)
    sent = _ship(sites[-1], second, at=now - 3 * DAY, by=depot)
    warm = replace(_good(2 * second.each), had_excursion=True, temperature="12 to 31 °C for 3 hours")
    _receive(study, sent, warm, at=now - 2 * DAY, by=pharmacist, password=password)
    return len(served)


def _good(count: int) -> kits.Arrival:
    return kits.Arrival(counted=count, condition="SYNTHETIC: box intact, seal unbroken", temperature="9 to 22 °C")


def _ship(site: Site, lot: Lot, *, at: datetime.datetime, by: User) -> UUID:
    with clock.at(at), acting(f"user:{by.username}"):
        return kits.announce_shipment(
            study=site.study, site=site, lot=lot.name, expires_on=lot.expires_on,
            storage="15 to 25 °C, protect from light", kits_per_treatment=lot.each, by=by,
        ).pk  # fmt: skip


def _receive(
    study: Study, sent: UUID, arrival: kits.Arrival, *, at: datetime.datetime, by: User, password: str
) -> None:
    with clock.at(at), acting(f"user:{by.username}"):
        kits.receive(study=study, shipment_id=sent, arrival=arrival, password=password, by=by)


def _dispense(session: StudySession, *, at: datetime.datetime, by: User, password: str) -> None:
    with clock.at(at), acting(f"user:{by.username}"):
        kit = dispensing.pick(session_id=session.pk, by=by, afterwards=True)
        dispensing.dispense(
            session_id=session.pk, scanned=kit.number, password=password, second=Second("pharmacist2", password),
            by=by, afterwards=True,
        )  # fmt: skip


def _return(study: Study, *, at: datetime.datetime, by: User, password: str) -> None:
    """Take back, empty, what was dispensed first: two out of three."""
    given = affected_by(by, study, FIRST_LOT)
    for one in given[: len(given) * 2 // 3]:
        with clock.at(at), acting(f"user:{by.username}"):
            kits.move_kits(
                study=study, numbers=[one.kit], movement=Movement.RETURNED, units=0, reason="SYNTHETIC: taken",
                password=password, by=by,
            )  # fmt: skip


def _remembering(user: User) -> User:
    """Verify a person's password once and then by the cached answer: signing a hundred times costs minutes else."""
    user.check_password = functools.cache(user.check_password)  # type: ignore[method-assign]  # of this instance only
    return user
