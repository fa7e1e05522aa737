"""What turns out to be wrong after a randomization: the allocation stays, the truth is written beside it.

Never is anybody drawn again (Yelland et al. 2015): the analysis keeps the stratum of the allocation and gets the right
value too (R5), and who was randomized in error stays in the intention-to-treat set with the mark (R6).
"""

from django.db import transaction

from participants.models import Participant
from sessions.models import RandomizedInError, StratumCorrection
from sessions.services.deviations import record_deviation_of
from sessions.services.randomization import lock
from studyportal import clock
from studyportal.accounts import signatures
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.audit.context import because
from studyportal.errors import InvalidInput, InvalidState
from studyportal.studies.models import Study

IN_ERROR = "This participant should not have been randomized. The mark cannot be taken back."
LOCKED = "The study is locked: nothing is corrected any more."


@transaction.atomic
def correct_sex(
    *, participant: Participant, sex: str, reason: str, password: str, by: User, code: str = ""
) -> Participant:
    """Correct the sex recorded at screening; after randomization both values stand and a deviation is written.

    Raises:
        NotPermitted: the role does not include corrections at this site.
        InvalidInput: the value is unknown or the one on record, the reason is missing, password or code do not match.
        InvalidState: the study is locked.
    """
    check(by, Permission.ALLOCATION_CORRECT, participant.study, participant.site)
    locked = lock(participant)
    _refuse_locked(locked)
    fields = _reason_fault(reason)
    if sex not in Participant.Sex.values:
        fields["sex"] = "Choose female or male."
    elif sex == locked.sex:
        fields["sex"] = f"The record says {locked.get_sex_display().lower()} already."
    _confirm(fields, password, code, by)
    before = locked.get_sex_display()
    locked.sex = sex
    with because("stratum_corrected", reason.strip()):
        locked.save(update_fields=["sex"])
    if locked.randomization_number:
        _keep_both(locked, before, reason.strip(), by)
    events.record("sex corrected", study=locked.study.code, target=locked.number)
    return locked


def _keep_both(locked: Participant, before: str, reason: str, by: User) -> None:
    after = locked.get_sex_display()
    StratumCorrection.objects.create(
        participant=locked, factor="sex", value_before=before, value_after=after, reason=reason, recorded_by=by,
        recorded_at=clock.now(),
    )  # fmt: skip
    if "sex" not in locked.study.strata_factors:
        return
    words = f"Randomized in the stratum of {before.lower()}; the right value is {after.lower()}. {reason}"
    record_deviation_of(
        participant=locked, code="wrong_stratum", occurred_at=locked.randomized_at or clock.now(),
        description=words[:500], by=by,
    )  # fmt: skip


@transaction.atomic
def mark_randomized_in_error(
    *, participant: Participant, reason: str, password: str, by: User, code: str = ""
) -> RandomizedInError:
    """Mark a participant as randomized in error, for good: number, sessions and place in the analysis stay.

    Raises:
        NotPermitted: the role does not include corrections at this site.
        InvalidInput: the reason is missing, password or code do not match.
        InvalidState: the participant is not randomized, is marked already, or the study is locked.
    """
    check(by, Permission.ALLOCATION_CORRECT, participant.study, participant.site)
    locked = lock(participant)
    _refuse_locked(locked)
    if not locked.randomization_number:
        msg = f"{locked.number} has not been randomized."
        raise InvalidState(msg)
    if RandomizedInError.objects.filter(participant=locked).exists():
        msg = f"{locked.number} is marked as randomized in error already."
        raise InvalidState(msg)
    _confirm(_reason_fault(reason), password, code, by)
    signature = signatures.sign(
        by=by, meaning=IN_ERROR, record_label="randomized in error", record_id=locked.pk,
        content={"participant": locked.number, "reason": reason.strip()}, time_zone=locked.site.time_zone,
    )  # fmt: skip
    marked = RandomizedInError.objects.create(
        participant=locked, reason=reason.strip(), signature=signature, marked_by=by, marked_at=clock.now()
    )
    record_deviation_of(
        participant=locked, code="randomized_in_error", occurred_at=locked.randomized_at or clock.now(),
        description=f"Randomized in error: {reason.strip()}"[:500], by=by,
    )  # fmt: skip
    events.record("randomized in error", study=locked.study.code, target=locked.number)
    return marked


def _refuse_locked(locked: Participant) -> None:
    if locked.study.status == Study.Status.LOCKED:
        raise InvalidState(LOCKED)


def _reason_fault(reason: str) -> dict[str, str]:
    return {} if reason.strip() else {"reason": "Give the reason in a few words."}


def _confirm(fields: dict[str, str], password: str, code: str, by: User) -> None:
    if fields:
        raise InvalidInput("Some answers need another look.", fields=fields)
    signatures.check_password(by, password)
    signatures.check_second_factor(by, code)
