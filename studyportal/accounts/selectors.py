"""Reads about people: roles in a study, the studies of a person."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, QuerySet

from studyportal import clock
from studyportal.accounts.models import ApiToken, StudyMembership, User
from studyportal.accounts.roles import ROLE_PERMISSIONS, WRITES, Permission, Role
from studyportal.errors import InvalidState, NotPermitted
from studyportal.studies.models import Site, Study

LOCKED = "The study is locked: its data can no longer be changed. Nothing was saved. Only two people can unlock it."


class StudyLocked(InvalidState):
    """The study's data are locked by two signatures."""

    code = "study_locked"


def memberships_of(user: User, study: Study) -> QuerySet[StudyMembership]:
    """Memberships of `user` in `study` that are in force now."""
    return (
        StudyMembership.objects.filter(user=user, study=study)
        .filter(Q(ended_at__isnull=True) | Q(ended_at__gt=clock.now()))
        .select_related("site")
        .order_by("role", "site__code")
    )


def studies_of(user: User) -> QuerySet[Study]:
    """Studies in which `user` holds a role now."""
    living = Q(memberships__ended_at__isnull=True) | Q(memberships__ended_at__gt=clock.now())
    return Study.objects.filter(living, memberships__user=user).distinct()


def roles_of(user: User, study: Study) -> frozenset[Role]:
    """Roles of `user` in `study` that are in force now."""
    return frozenset(Role(membership.role) for membership in memberships_of(user, study))


def permissions_in(roles: Iterable[Role]) -> frozenset[Permission]:
    """Union of what the roles may do."""
    return frozenset[Permission]().union(*(ROLE_PERMISSIONS[role] for role in roles))


def permissions_by_site(user: User, study: Study) -> dict[UUID, frozenset[Permission]]:
    """Return what `user` may do at each site of `study`, for pages that show many sites at once."""
    held = [(membership.site_id, ROLE_PERMISSIONS[Role(membership.role)]) for membership in memberships_of(user, study)]
    return {
        site.pk: frozenset[Permission]().union(*(granted for at, granted in held if at is None or at == site.pk))
        for site in study.sites.all()
    }


def sites_with(user: User, permission: Permission, study: Study) -> QuerySet[Site]:
    """Sites of `study` where `user` holds `permission`; a membership without a site counts for every site."""
    held = _granting(user, permission, study)
    if None in held:
        return study.sites.all()
    return study.sites.filter(pk__in=[at for at in held if at])


def _granting(user: User, permission: Permission, study: Study) -> list[UUID | None]:
    """Return where `user` holds `permission`: keys of sites, None for every site."""
    granting = [role.value for role, permissions in ROLE_PERMISSIONS.items() if permission in permissions]
    held = memberships_of(user, study).filter(role__in=granting)
    return list(held.order_by().values_list("site_id", flat=True))  # asked for at each step, so without any join


def can(user: User, permission: Permission, study: Study, site: Site | None = None) -> bool:
    """Whether `user` holds `permission` in `study` (and at `site`, when one is given)."""
    try:
        check_role(user, permission, study, site)
    except NotPermitted:
        return False
    return True


def check(user: User, permission: Permission, study: Study, site: Site | None = None) -> None:
    """Refuse unless `user` holds `permission` in `study` (and at `site`), and may use it now.

    This is the one place where a locked study refuses what would change its data. The study's row is held until the
    transaction ends, so that nobody locks it between this question and the write.

    Raises:
        NotPermitted: with a sentence that names what the role does not include.
        StudyLocked: the permission changes data and the study is locked.
    """
    check_role(user, permission, study, site)
    if permission in WRITES:
        with connection.cursor() as cursor:
            cursor.execute("SELECT status FROM public.studies_study WHERE id = %s FOR KEY SHARE", [study.pk])
            row = cursor.fetchone()
        if row and row[0] == Study.Status.LOCKED:
            raise StudyLocked(LOCKED)


def check_role(user: User, permission: Permission, study: Study, site: Site | None = None) -> None:
    """Refuse unless `user` holds `permission` in `study` (and at `site`): for reading, which no lock ends.

    Raises:
        NotPermitted: with a sentence that names what the role does not include.
    """
    held = _granting(user, permission, study)
    is_granted = bool(held) if site is None else site.study_id == study.pk and (None in held or site.pk in held)
    if not is_granted:
        raise refusal(permission, study)


def refusal(permission: Permission, study: Study) -> NotPermitted:
    """Return the refusal that names what the role does not include."""
    return NotPermitted(
        f"Your role in {study.name} does not include: {permission.words}. Ask the study's administrator if it should."
    )


def people_with(permission: Permission, study: Study, site: Site | None = None) -> Iterable[User]:
    """Active users who hold `permission` in `study` (at `site`), by name."""
    granting = [role for role, permissions in ROLE_PERMISSIONS.items() if permission in permissions]
    return _members(granting, study, site)


def people_in_role(role: Role, study: Study, site: Site | None = None) -> Iterable[User]:
    """Active users who hold `role` in `study` (at `site`), by name."""
    return _members([role], study, site)


def _members(roles: Iterable[Role], study: Study, site: Site | None) -> Iterable[User]:
    living = Q(memberships__ended_at__isnull=True) | Q(memberships__ended_at__gt=clock.now())
    place = Q() if site is None else Q(memberships__site=site) | Q(memberships__site__isnull=True)
    return (
        User.objects.filter(
            living & place, is_active=True, memberships__study=study, memberships__role__in=[r.value for r in roles]
        )
        .distinct()
        .order_by("full_name")
    )


def team_of(viewer: User, study: Study) -> QuerySet[StudyMembership]:
    """Return every membership of a study, those in force first, for its administrators."""
    check(viewer, Permission.TEAM_MANAGE, study)
    return (
        StudyMembership.objects.filter(study=study)
        .select_related("user", "site")
        .order_by(F("ended_at").desc(nulls_first=True), "user__full_name", "role", "site__code")
    )


def tokens_of(user: User, study: Study, door: str) -> QuerySet[ApiToken]:
    """Return a person's own tokens of a study at one door, the newest first."""
    return ApiToken.objects.filter(user=user, study=study, door=door).order_by("-created_at")
