"""Locking a study's data, and unlocking them: one person asks with a signature, another confirms with theirs."""

from collections.abc import Mapping
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction

from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import Signature, User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.audit.context import because
from studyportal.errors import InvalidInput, InvalidState, NotFound
from studyportal.studies.models import Study, StudyLock

ASKED = {
    StudyLock.Act.LOCK: "The data of this study are complete and checked as far as stated; they are to be locked.",
    StudyLock.Act.UNLOCK: "The data of this study are to be unlocked for the reason stated.",
}
CONFIRMED = {
    StudyLock.Act.LOCK: "I agree that the data of this study are locked.",
    StudyLock.Act.UNLOCK: "I agree that the data of this study are unlocked for the reason stated.",
}


def next_act(study: Study) -> StudyLock.Act:
    """Return what can be asked for: unlocking while the study is locked, locking otherwise."""
    return StudyLock.Act.UNLOCK if study.status == Study.Status.LOCKED else StudyLock.Act.LOCK


def open_act(study: Study) -> StudyLock | None:
    """Return what one person has signed and nobody has confirmed yet."""
    return study.locks.filter(confirmed_at__isnull=True, withdrawn_at__isnull=True).first()


def acts_of(study: Study) -> list[StudyLock]:
    """Return every confirmed act, the latest first."""
    return list(study.locks.filter(confirmed_at__isnull=False).order_by("-confirmed_at"))


@transaction.atomic
def ask(*, study: Study, reason: str, open_questions: Mapping[str, int], password: str, by: User) -> StudyLock:
    """Sign that the study is to be locked, or unlocked when it is locked.

    Args:
        study: which study.
        reason: why it is unlocked, or why it is locked although questions are open.
        open_questions: what the page showed as open, with counts above zero; signed as shown.
        password: of the person who signs.
        by: a data manager or statistician.

    Raises:
        NotPermitted: the role does not include it.
        InvalidInput: the reason is missing, or the password does not match.
        InvalidState: somebody has asked already.
    """
    check(by, Permission.STUDY_LOCK, study)
    held = Study.objects.select_for_update().get(pk=study.pk)
    act, reason = next_act(held), reason.strip()
    if act == StudyLock.Act.UNLOCK and not reason:
        raise InvalidInput("Unlocking needs a reason.", fields={"reason": "Say what must be changed, and why."})
    if act == StudyLock.Act.LOCK and open_questions and not reason:
        raise InvalidInput(
            "Some questions are open.", fields={"reason": "Say why the data are locked with these questions open."}
        )
    signatures.check_password(by, password)
    made = uuid4()
    signature = _signed(by, ASKED[act], made, _content(held, act, reason, open_questions))
    try:
        with transaction.atomic():
            asked = StudyLock.objects.create(
                pk=made, study=held, act=act, reason=reason, open_questions=dict(open_questions),
                status_before=held.status, asked_by=by.pk, asked_by_name=by.full_name, asked_signature=signature.pk,
                asked_at=signature.signed_at,
            )  # fmt: skip
    except IntegrityError:
        raise InvalidState("Somebody has signed already. A second person confirms it, or it is withdrawn.") from None
    events.record(f"study {act} asked", study=held.code, target=held.code, data={"reason": reason})
    return asked


@transaction.atomic
def confirm(*, study: Study, act_id: UUID, open_questions: Mapping[str, int], password: str, by: User) -> StudyLock:
    """Confirm, as a second person, what another has signed; from then on the study is locked, or no longer.

    Raises:
        NotPermitted: the role does not include it.
        NotFound: nothing of this key waits in this study.
        InvalidState: the same person asked, or what is open has changed since.
        InvalidInput: the password does not match.
    """
    check(by, Permission.STUDY_LOCK_CONFIRM, study)
    # FOR UPDATE waits for every write in flight: each holds the study's row by its `check`.
    held = Study.objects.select_for_update().get(pk=study.pk)
    asked = _waiting(held, act_id)
    if asked.asked_by == by.pk:
        raise InvalidState("A second person must confirm; you asked for it.")
    if asked.act == StudyLock.Act.LOCK and dict(open_questions) != asked.open_questions:
        msg = f"What is open has changed since {asked.asked_by_name} signed. Ask for a new signature."
        raise InvalidState(msg)
    signatures.check_password(by, password)
    act = StudyLock.Act(asked.act)
    signature = _signed(by, CONFIRMED[act], asked.pk, _content(held, act, asked.reason, asked.open_questions))
    asked.confirmed_by, asked.confirmed_by_name = by.pk, by.full_name
    asked.confirmed_signature, asked.confirmed_at = signature.pk, signature.signed_at
    asked.save()
    held.status = Study.Status.LOCKED if act == StudyLock.Act.LOCK else _status_before_lock(held)
    held.save(update_fields=["status"])
    events.record(f"study {act}ed", study=held.code, target=held.code, data={"reason": asked.reason})
    return asked


@transaction.atomic
def withdraw(*, study: Study, act_id: UUID, by: User) -> None:
    """Take back what waits for its second signature.

    Raises:
        NotPermitted: the role does not include it.
        NotFound: nothing of this key waits in this study.
    """
    check(by, Permission.STUDY_LOCK, study)
    asked = _waiting(study, act_id)
    asked.withdrawn_at = clock.now()
    asked.save(update_fields=["withdrawn_at"])
    reason = f"Withdrawn by {by.full_name}"
    with because("withdrawn", reason):
        signatures.void(Signature.objects.get(pk=asked.asked_signature), reason=reason)
    events.record(f"study {asked.act} withdrawn", study=study.code, target=study.code)


def _waiting(study: Study, act_id: UUID) -> StudyLock:
    found = study.locks.select_for_update().filter(
        pk=act_id, confirmed_at__isnull=True, withdrawn_at__isnull=True
    ).first()  # fmt: skip
    if found is None:
        raise NotFound("Nothing waits for a second signature here. Load the page again.")
    return found


def _status_before_lock(study: Study) -> str:
    last = study.locks.filter(act=StudyLock.Act.LOCK, confirmed_at__isnull=False).order_by("-confirmed_at").first()
    return last.status_before if last else Study.Status.CLOSED


def _signed(by: User, meaning: str, record: UUID, content: Mapping[str, object]) -> Signature:
    return signatures.sign(
        by=by, meaning=meaning, record_label="studies.StudyLock", record_id=record, content=content, time_zone="UTC"
    )


def _content(study: Study, act: str, reason: str, open_questions: Mapping[str, int]) -> dict[str, object]:
    return {"study": study.code, "act": str(act), "reason": reason, "open": dict(open_questions)}
