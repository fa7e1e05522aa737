"""Users and their memberships."""

from collections.abc import Iterable
from contextlib import nullcontext
from itertools import groupby

from studyportal.accounts.models import StudyMembership, User
from studyportal.accounts.roles import UNBLINDED_ROLES, Role
from studyportal.studies.models import Site, Study
from tests.conftest import standing_at

PASSWORD = "correct-horse-battery"


def make_user(username: str, *, full_name: str = "", password: str | None = PASSWORD) -> User:
    """Make a user without any role."""
    name = full_name or username.replace("-", " ").title()
    return User.objects.create_user(username, full_name=name, email=f"{username}@example.org", password=password)


def make_members(people: Iterable[tuple[str, Role, Study, Site | None]]) -> list[User]:
    """Make members as `make_member` does, with few statements; return them in the order given."""
    made = []
    for is_unblinded, group in groupby(people, key=lambda person: person[1] in UNBLINDED_ROLES):
        with standing_at("vault") if is_unblinded else nullcontext():
            made += _made(list(group), is_unblinded=is_unblinded)
    return made


def _made(people: list[tuple[str, Role, Study, Site | None]], *, is_unblinded: bool) -> list[User]:
    """Make members of one door."""
    users = [
        User(username=name, full_name=name.replace("-", " ").title(), email=f"{name}@example.org")
        for name, *_ in people
    ]
    for user in users:
        user.set_password(None if is_unblinded else PASSWORD)
    User.objects.bulk_create(users)
    StudyMembership.objects.bulk_create(
        StudyMembership(user=user, study=study, site=site, role=role)
        for user, (_, role, study, site) in zip(users, people, strict=True)
    )
    if is_unblinded:
        for user in users:
            user.set_password(PASSWORD)
        User.objects.bulk_update(users, ["password"])
    return users


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
