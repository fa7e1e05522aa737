"""One account, one door: who signs in where.

An account that has, or ever had, an unblinded role in any study opens the unblinded door and no other; every other
account opens the blinded door only. The database keeps to the same rule by login (accounts migration 0004), so that
the blinded door can neither make nor alter what opens the vault.
"""

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings

from studyportal.accounts.models import ApiToken, StudyMembership, User

OTHER_DOOR = "This account does not open this door. If you work on both sides of the blind, you have two accounts."
NOT_ENROLLED = (
    "This account has no second factor yet. Open the enrolment link that you were given, or ask whoever runs the "
    "portal for a new one."
)


def is_unblinded(user: User) -> bool:
    """Whether the account has, or ever had, an unblinded role in any study."""
    return StudyMembership.objects.filter(user=user, is_unblinded=True).exists()


def refusal_at(door: str, user: User) -> str | None:
    """Return why `user`, whose password was right, may not sign in at `door`; None when they may."""
    at_vault = door == ApiToken.Door.VAULT
    if is_unblinded(user) is not at_vault:
        return OTHER_DOOR
    if at_vault and settings.PORTAL_REQUIRE_SECOND_FACTOR and not is_mfa_enabled(user):
        return NOT_ENROLLED
    return None
