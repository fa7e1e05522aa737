"""The sponsor's contact of a study: who is told, without the treatment, that an unblinding happened."""

from django.db import transaction

from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.studies.models import Study


@transaction.atomic
def set_sponsor(*, study: Study, name: str, email: str, by: User) -> Study:
    """Set who is told for the sponsor.

    Raises:
        NotPermitted: the role does not include managing the team.
    """
    check(by, Permission.TEAM_MANAGE, study)
    held = Study.objects.select_for_update(no_key=True).get(pk=study.pk)
    held.sponsor_name, held.sponsor_email = name.strip(), email.strip()
    held.save(update_fields=["sponsor_name", "sponsor_email"])
    events.record("sponsor's contact set", study=held.code, target=held.code)
    return held
