"""Which version of the consent form is in use: randomization asks for a consent on that one."""

import datetime

from django.db import transaction

from participants.models import ConsentVersion
from participants.selectors import consent_versions_of
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput
from studyportal.studies.models import Study


@transaction.atomic
def add_version(*, study: Study, version: str, valid_from: datetime.date, by: User) -> ConsentVersion:
    """Record that a version of the form is in use from a day on; the one before ends there.

    Raises:
        NotPermitted: the role does not include the versions of the consent form.
        InvalidInput: the version is missing, too long or on file, or another one begins on that day or later.
    """
    check(by, Permission.CONSENT_VERSION_SET, study)
    Study.objects.select_for_update().get(pk=study.pk)
    known, version, fields = list(consent_versions_of(study)), version.strip(), {}
    if not 1 <= len(version) <= 12:
        fields["version"] = "Enter the version printed on the form, for example 3.1."
    elif version in {one.version for one in known}:
        fields["version"] = f"Version {version} is on file already."
    if known and valid_from <= known[0].valid_from:
        fields["valid_from"] = f"Version {known[0].version} begins on that day or later. Choose a later day."
    if fields:
        raise InvalidInput("Some answers need another look.", fields=fields)
    made = ConsentVersion.objects.create(
        study=study, version=version, valid_from=valid_from, recorded_by=by, recorded_at=clock.now()
    )
    events.record("consent version set", study=study.code, target=f"version {version}")
    return made
