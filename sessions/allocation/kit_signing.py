"""Acts at the pharmacy: who signs, who checks, and the lines they add to the ledger.

A second person signs at the first one's screen with their own user name and password, as beside a controlled-drugs
cabinet; both must hold the right role at the site, and one person cannot be both.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery

from sessions.allocation.kit_ledger import LEADS_TO, SPENT, TWO_SIGNATURES, Movement, State, may_follow
from sessions.allocation.kit_models import Kit, KitAct, KitMovement
from sessions.models import StudySession
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import can
from studyportal.audit import events
from studyportal.errors import InvalidInput, InvalidState
from studyportal.studies.models import Site, Study

NOBODY = "No second person of this user name may check kits here."


@dataclass(frozen=True, slots=True)
class Second:
    """The second person, as typed at the first one's screen."""

    username: str
    password: str


def lock_ledger(study: Study) -> None:
    """Let one act at a time write the study's ledger; held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(study.pk.bytes[:8], signed=True)])


def latest(kits: QuerySet[Kit]) -> QuerySet[Kit]:
    """Annotate kits with `last_kind` and `last_seq`, their last movement's, and `is_spent` (see `SPENT`)."""
    own = KitMovement.objects.filter(kit=OuterRef("pk")).order_by("-seq")
    return kits.annotate(
        last_kind=Subquery(own.values("kind")[:1]), last_seq=Subquery(own.values("seq")[:1]),
        is_spent=Exists(own.filter(kind__in=SPENT)),
    )  # fmt: skip


def state_of(kit: Kit) -> State:
    """Return where a kit of `latest` is."""
    return LEADS_TO[Movement(kit.last_kind)]  # type: ignore[attr-defined]  # annotated by `latest`


def checked_signatures(
    *, study: Study, site: Site | None, by: User, password: str, second: Second | None, needs_two: bool
) -> User | None:
    """Re-authenticate who acts and, where two are needed, who checks; return the second person.

    Raises:
        InvalidInput: a password does not match, the second person may not check here, or is the first one again.
    """
    signatures.check_password(by, password)
    if not needs_two:
        return None
    if second is None or not second.username.strip():
        raise InvalidInput("A second person signs this too.", fields={"second": "Enter the second person's user name."})
    if second.username.strip().lower() == by.username:
        raise InvalidInput(
            "Two different people must sign.", fields={"second": "This is you. A second person checks and signs."}
        )
    other = User.objects.filter(username=second.username.strip().lower(), is_active=True).first()
    if other is None or not can(other, Permission.KIT_CHECK, study, site):
        raise InvalidInput(NOBODY, fields={"second": NOBODY})
    try:
        signatures.check_password(other, second.password)
    except InvalidInput as refusal:
        said = "The second person's password does not match. Nothing was signed."
        words = refusal.message if refusal.reason_code == "paused" else said
        raise InvalidInput(words, fields={"second_password": words}, code=refusal.reason_code) from None
    return other


def write_act(
    *,
    study: Study,
    kind: str,
    by: User,
    checked_by: User | None = None,
    reason: str = "",
    details: Mapping[str, object] | None = None,
) -> KitAct:
    """Write an act with the hash of what was signed."""
    act = KitAct(
        study=study, kind=kind, at=clock.now(), by=by, checked_by=checked_by, reason=reason.strip(),
        details=dict(details or {}),
    )  # fmt: skip
    act.content_sha256 = content_hash(act)
    act.save()
    events.record(f"kits {kind.replace('_', ' ')}", study=study.code, target=str(act.pk))
    return act


def content_hash(act: KitAct) -> str:
    """Return the SHA-256 of what the act's people signed: a test and an inspector compute it again from the row."""
    said = {
        "act": act.kind, "study": act.study.code, "at": act.at.isoformat(), "by": act.by.username,
        "checked_by": act.checked_by.username if act.checked_by else None, "reason": act.reason,
        "details": act.details,
    }  # fmt: skip
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def move(
    act: KitAct,
    kits: Sequence[Kit],
    movement: Movement,
    *,
    session: StudySession | None = None,
    units: int | None = None,
) -> None:
    """Add one line a kit to the ledger; the caller holds the ledger's lock and gives kits of `latest`.

    Raises:
        InvalidState: a kit is where the movement cannot start, or somebody else moved it at this moment.
    """
    if movement in TWO_SIGNATURES and act.checked_by_id is None:
        raise InvalidState("A second person must sign this.")
    for kit in kits:
        now = state_of(kit) if kit.last_kind else None  # type: ignore[attr-defined]
        spent: bool = kit.is_spent  # type: ignore[attr-defined]
        if not may_follow(movement, now, is_spent=spent):
            was = " and was dispensed, broken or recalled before" if spent and movement is Movement.RELEASED else ""
            msg = f"{kit.number}: not possible, the kit is {_place(now)}{was}. ({movement.words})"
            raise InvalidState(msg)
    lines = [
        KitMovement(
            kit=kit, act=act, seq=(kit.last_seq or 0) + 1, kind=movement, session=session, units=units,  # type: ignore[attr-defined]
        )
        for kit in kits
    ]  # fmt: skip
    try:
        with transaction.atomic():
            KitMovement.objects.bulk_create(lines)
    except IntegrityError:
        raise InvalidState("Somebody else moved this kit at this moment. Load the page again.") from None


def _place(state: State | None) -> str:
    return state.words.lower() if state else "not on record"
