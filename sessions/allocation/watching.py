"""Warns those who keep the list when a stratum runs out (randomization.md, R7): at 20 %, at five and at none left.

The blinded side cannot count and so cannot warn. This runs at the vault: on its pages, and in `watch_lists` for the
hours when nobody looks. What was told stands in schema `alloc`, and the mail goes from the vault's own process, so that
neither its time nor its number reaches a blinded person; it names neither stratum nor count.
"""

from smtplib import SMTPException

from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.db.models import Count

from sessions.allocation.models import RandomizationList, Stratum
from sessions.allocation.paper_models import CustodianNotice
from sessions.allocation.policies import PAPER
from studyportal import clock
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import people_with
from studyportal.audit import events
from studyportal.studies.models import Study

SUBJECT = "A randomization list runs low"
BODY = """A stratum of the randomization list of {study} is running low.

Sign in at the unblinded door and look at the randomization lists: a list can be extended before it is used up.
This message names neither stratum nor count on purpose.
"""
Threshold = CustodianNotice.Threshold


def watch(study: Study) -> int:
    """Note every threshold that was reached since the last look, and tell the custodians; return how many were noted.

    What could not be mailed is mailed by the next look.
    """
    noted = sum(_note(*reached) for reached in _reached(study))
    _tell(study)
    return noted


def watch_all() -> int:
    """Look at every study's lists."""
    return sum(watch(study) for study in Study.objects.all())


def _reached(study: Study) -> list[tuple[RandomizationList, str, Threshold]]:
    """Return the thresholds that the active lists' strata have reached, each with the newest list that holds it."""
    active = Stratum.objects.filter(list__study=study, list__state=RandomizationList.State.ACTIVE)
    made: dict[str, list[Stratum]] = {}
    for stratum in active.exclude(key__startswith=PAPER).select_related("list").annotate(
        slots_made=Count("slots")
    ).order_by("key", "list__generated_at"):  # fmt: skip
        made.setdefault(stratum.key, []).append(stratum)
    reached = []
    for key, own in made.items():
        slots = sum(one.slots_made for one in own)  # type: ignore[attr-defined]  # annotated above
        left = slots - sum(one.taken for one in own)
        reached += [(own[-1].list, key, threshold) for threshold in thresholds(left, slots)]
    return reached


def thresholds(left: int, slots: int) -> list[Threshold]:
    """Return the thresholds that `left` of `slots` has reached."""
    limits = ((Threshold.FIFTH, slots / 5), (Threshold.FIVE, 5), (Threshold.NONE, 0))
    return [threshold for threshold, limit in limits if left <= limit]


def _note(newest: RandomizationList, key: str, threshold: Threshold) -> bool:
    if CustodianNotice.objects.filter(list=newest, stratum_key=key, threshold=threshold).exists():
        return False
    try:
        with transaction.atomic():
            CustodianNotice.objects.create(list=newest, stratum_key=key, threshold=threshold, noticed_at=clock.now())
    except IntegrityError:  # somebody else looked at the same moment
        return False
    return True


@transaction.atomic
def _tell(study: Study) -> None:
    # Without a join: PostgreSQL's FOR UPDATE OF takes no table name with a schema.
    own = RandomizationList.objects.filter(study=study)
    rows = list(
        CustodianNotice.objects.filter(list__in=own, mailed_at__isnull=True).select_for_update(skip_locked=True)
    )
    to = [person.email for person in people_with(Permission.LIST_GENERATE, study) if person.email]
    if not rows or not to:
        return
    try:
        send_mail(SUBJECT, BODY.format(study=study.name), None, to)
    except (OSError, SMTPException):
        return
    for row in rows:
        row.mailed_at = clock.now()
        row.save(update_fields=["mailed_at"])
    events.record("custodians told that a list runs low", study=study.code, target=f"list {rows[0].list_id}")
