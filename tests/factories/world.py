"""Two of everything: a missing filter shows the other one's."""

from dataclasses import dataclass

from studyportal.accounts.models import User
from studyportal.accounts.roles import Role
from studyportal.studies.models import Site, Study
from tests.factories.people import make_member
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
    people = {role.value: make_member(role.value.replace("_", "-"), role, study) for role in Role}
    people["second_rater"] = make_member("second-rater", Role.RATER, study)
    people["south_coordinator"] = make_member("south-coordinator", Role.COORDINATOR, study, south)
    people["outsider"] = make_member("outsider", Role.COORDINATOR, other)
    return World(study=study, site=north, other_site=south, other_study=other, people=people)
