"""Users and their memberships."""

from studyportal.accounts.models import StudyMembership, User
from studyportal.accounts.roles import UNBLINDED_ROLES, Role
from studyportal.studies.models import Site, Study
from tests.conftest import standing_at

PASSWORD = "correct-horse-battery"


def make_user(username: str, *, full_name: str = "", password: str | None = PASSWORD) -> User:
    """Make a user without any role."""
    name = full_name or username.replace("-", " ").title()
    return User.objects.create_user(username, full_name=name, email=f"{username}@example.org", password=password)


def make_member(username: str, role: Role, study: Study, site: Site | None = None) -> User:
    """Make a user with one role in a study, at one site or at all; an unblinded one is made at the vault."""
    if role not in UNBLINDED_ROLES:
        user = make_user(username)
        StudyMembership.objects.create(user=user, study=study, site=site, role=role)
        return user
    with standing_at("vault"):
        user = make_user(username, password=None)
        StudyMembership.objects.create(user=user, study=study, site=site, role=role)
        user.set_password(PASSWORD)
        user.save()
    return user
