"""The team: roles given and ended. Nothing is removed; an ended role keeps its row and its trail."""

from uuid import UUID

from django.db import IntegrityError, transaction

from studyportal import clock
from studyportal.accounts.models import StudyMembership, User
from studyportal.accounts.roles import UNBLINDED_ROLES, Permission, Role
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import InvalidInput, NotFound
from studyportal.studies.models import Study

MIXED = (
    "This account has, or has had, a role on the other side of the blind. Nobody may hold a blinded and an unblinded "
    "role in one study, and an account opens one door only: give the role to somebody else, or, for another study, to "
    "a second account of this person."
)
AT_THE_SERVER = (
    "Roles with the treatment visible are given and ended by whoever runs the portal, not here: see 'People' in the "
    "administrators' guide."
)


@transaction.atomic
def give_role(*, study: Study, username: str, role: str, site_code: str, by: User) -> StudyMembership:
    """Give a person a role, at one site or at all; giving a role again that had ended revives it.

    Raises:
        NotPermitted: the person does not manage the team.
        InvalidInput: no such person, role or site, the role is held already, it is an unblinded one, or it would mix
            blinded and unblinded.
    """
    check(by, Permission.TEAM_MANAGE, study)
    if role in UNBLINDED_ROLES:
        raise InvalidInput(AT_THE_SERVER, fields={"role": AT_THE_SERVER}, code="unblinded_role")
    return grant(study=study, username=username, role=role, site_code=site_code)


@transaction.atomic
def grant(*, study: Study, username: str, role: str, site_code: str) -> StudyMembership:
    """Give a role without asking who gives it: for `give_role`, and for `enrolment` at the vault.

    Raises:
        InvalidInput: no such person, role or site, the role is held already, or it would mix blinded and unblinded.
    """
    person = User.objects.filter(username=username.strip().lower(), is_active=True).first()
    site = study.sites.filter(code=site_code).first() if site_code else None
    fields = {}
    if person is None:
        fields["username"] = "There is no active account of this name. Ask whoever runs the portal to make it."
    if role not in set(Role):
        fields["role"] = "Choose a role."
    if site_code and site is None:
        fields["site"] = "Choose one of the study's sites."
    if person is None or fields:
        raise InvalidInput("Some answers need another look.", fields=fields)
    held = StudyMembership.objects.filter(user=person, study=study, role=role, site=site).first()
    if held is not None and (held.ended_at is None or held.ended_at > clock.now()):
        msg = f"{person.full_name} already has this role here."
        raise InvalidInput(msg, fields={"role": msg})
    membership = held or StudyMembership(user=person, study=study, role=role, site=site)
    membership.started_at, membership.ended_at = clock.now(), None
    try:
        with transaction.atomic():
            membership.save()
    except IntegrityError:
        raise InvalidInput(MIXED, fields={"role": MIXED}, code="mixed_blinding") from None
    events.record("role given", study=study.code, target=person.username, data={"role": role, "site": site_code})
    return membership


@transaction.atomic
def end_role(*, study: Study, membership_id: UUID, by: User) -> StudyMembership:
    """End a role now; ending it twice is harmless.

    Raises:
        NotPermitted: the person does not manage the team.
        NotFound: no such role in this study.
        InvalidInput: it is the person's own role as administrator, or an unblinded one.
    """
    check(by, Permission.TEAM_MANAGE, study)
    membership = (
        StudyMembership.objects.select_for_update(of=("self",))
        .select_related("user", "site", "study")
        .filter(pk=membership_id, study=study)
        .first()
    )
    if membership is None:
        raise NotFound("There is no such role in this study.")
    if membership.user_id == by.pk and membership.role == Role.ADMINISTRATOR:
        raise InvalidInput("You cannot end your own role as administrator. Another administrator can.")
    if membership.is_unblinded:
        raise InvalidInput(AT_THE_SERVER, code="unblinded_role")
    return finish(membership)


@transaction.atomic
def finish(membership: StudyMembership) -> StudyMembership:
    """End a role without asking who ends it: for `end_role`, and for `enrolment` at the vault."""
    if membership.ended_at is None:
        membership.ended_at = clock.now()
        membership.save(update_fields=["ended_at"])
        events.record(
            "role ended", study=membership.study.code, target=membership.user.username,
            data={"role": membership.role},
        )  # fmt: skip
    return membership
