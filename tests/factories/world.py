"""Two of everything: a missing filter shows the other one's."""

from dataclasses import dataclass

from studyportal.accounts.models import User
from studyportal.accounts.roles import UNBLINDED_ROLES, Role
from studyportal.studies.models import Site, Study
from tests.factories.people import make_members
from tests.factories.studies import make_study


@dataclass(frozen=True, slots=True)
class World:
    """One study seen by one person of each role, and a second study with people of its own."""

    study: Study
    site: Site
    other_site: Site
    other_study: Study
    people: dict[str, User]

    def __getattr__(self, name: str) -> User:
        """`world.coordinator`, `world.second_rater`, `world.outsider` ..."""
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None


def make_world() -> World:
    """Make the study XO with one person a role, the study YO, and those who must be refused.

    `south_coordinator` belongs to site 02 only, `second_rater` is a rater like `rater`, `outsider` coordinates the
    other study.
    """
    study, other = make_study("XO"), make_study("YO")
    north, south = study.sites.get(code="01"), study.sites.get(code="02")
    names = {role.value: (role.value.replace("_", "-"), role, study, None) for role in sorted(Role, key=is_unblinded)}
    names["second_rater"] = ("second-rater", Role.RATER, study, None)
    names["south_coordinator"] = ("south-coordinator", Role.COORDINATOR, study, south)
    names["outsider"] = ("outsider", Role.COORDINATOR, other, None)
    people = dict(zip(names, make_members(names.values()), strict=True))
    return World(study=study, site=north, other_site=south, other_study=other, people=people)


def is_unblinded(role: Role) -> bool:
    """Whether a role belongs to the vault."""
    return role in UNBLINDED_ROLES
