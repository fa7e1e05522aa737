"""Warns those who keep the list when a stratum runs out (randomization.md, R7): at 20 %, at five and at none left.

The blinded side cannot count and so cannot warn. This runs at the vault: on its pages, and in `watch_lists` for the
hours when nobody looks. That somebody was told is an event of the trail and no table of its own, since PostgreSQL shows
everybody how many rows a table has. The mail goes from the vault's own process and names neither stratum nor count.
"""

from smtplib import SMTPException

from django.core.mail import send_mail
from django.db import connection, transaction
from django.db.models import Count

from sessions.allocation.models import RandomizationList, Stratum
from sessions.allocation.policies import PAPER
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import people_with
from studyportal.audit import events
from studyportal.audit.models import Event
from studyportal.studies.models import Study

TOLD = "custodians told that a list runs low"
WATCH_LOCK = 7_204_512
SUBJECT = "A randomization list runs low"
BODY = """A stratum of the randomization list of {study} is running low.

Sign in at the unblinded door and look at the randomization lists: a list can be extended before it is used up.
This message names neither stratum nor count on purpose.
"""
LIMITS = (("fifth", 0.2), ("five", 5), ("none", 0))
"""Thresholds: a share of the slots when below one, else slots."""


@transaction.atomic
def watch(study: Study) -> int:
    """Tell the custodians of every threshold that was reached since the last look; return how many there were.

    What could not be mailed stays untold, and the next look mails it.
    """
    with connection.cursor() as cursor:  # one look at a time, so that nobody is told twice
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [WATCH_LOCK])
    reached = _reached(study)
    told = set(Event.objects.filter(name=TOLD, study=study.code, target__in=reached).values_list("target", flat=True))
    fresh = [target for target in reached if target not in told]
    to = [person.email for person in people_with(Permission.LIST_GENERATE, study) if person.email]
    if not fresh or not to:
        return 0
    try:
        send_mail(SUBJECT, BODY.format(study=study.name), None, to)
    except (OSError, SMTPException):
        return 0
    for target in fresh:
        events.record(TOLD, study=study.code, target=target)
    return len(fresh)


def watch_all() -> int:
    """Look at every study's lists."""
    return sum(watch(study) for study in Study.objects.all())


def _reached(study: Study) -> list[str]:
    """Return the thresholds that the active lists' strata have reached, as `list|stratum|threshold`."""
    active = Stratum.objects.filter(list__study=study, list__state=RandomizationList.State.ACTIVE)
    counted = active.exclude(key__startswith=PAPER).annotate(slots_made=Count("slots"))
    strata: dict[str, list[Stratum]] = {}
    for stratum in counted.order_by("key", "list__generated_at"):
        strata.setdefault(stratum.key, []).append(stratum)
    reached = []
    for key, own in strata.items():
        slots = sum(one.slots_made for one in own)  # type: ignore[attr-defined]  # annotated above
        left = slots - sum(one.taken for one in own)
        # An appended list begins anew: its name is part of what was told.
        reached += [f"{own[-1].list_id}|{key}|{threshold}" for threshold in thresholds(left, slots)]
    return reached


def thresholds(left: int, slots: int) -> list[str]:
    """Return the thresholds that `left` of `slots` has reached."""
    return [name for name, limit in LIMITS if left <= (limit * slots if limit < 1 else limit)]
