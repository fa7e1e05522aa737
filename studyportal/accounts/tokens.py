"""API tokens: made, shown once, checked, revoked."""

import datetime
import hashlib
import secrets

from django.db import transaction
from django.db.models import Q

from studyportal import clock
from studyportal.accounts.models import ApiToken, User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.errors import InvalidInput, NotFound
from studyportal.studies.models import Study

LONGEST = datetime.timedelta(days=90)
SCHEME = "sp"
USED_RESOLUTION = datetime.timedelta(minutes=1)
DOOR_PERMISSION = {
    ApiToken.Door.WEB: Permission.DATA_EXPORT,
    ApiToken.Door.VAULT: Permission.UNBLINDED_EXPORT,
}


def export_permission(door: str) -> Permission:
    """Return what a role must include to take data out at a door."""
    return DOOR_PERMISSION[ApiToken.Door(door)]


@transaction.atomic
def issue(*, study: Study, door: str, name: str, days: int, by: User) -> tuple[ApiToken, str]:
    """Make a token for one door of one study and return it with its secret, which is never shown again.

    Raises:
        NotPermitted: the person's roles do not include exports at that door.
        InvalidInput: the name is empty or the lifetime is not 1 to 90 days.
    """
    check(by, export_permission(door), study)
    if not name.strip():
        raise InvalidInput(
            "Give the token a name.", fields={"name": "Say what the token is for, for example: R scripts."}
        )
    if not 1 <= days <= LONGEST.days:
        msg = f"A token lives 1 to {LONGEST.days} days."
        raise InvalidInput(msg, fields={"days": f"Enter a whole number of days from 1 to {LONGEST.days}."})
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    key, now = f"{SCHEME}_{prefix}_{secret}", clock.now()
    token = ApiToken.objects.create(
        user=by, study=study, door=door, name=name.strip()[:60], prefix=prefix, digest=_digest(key),
        created_at=now, expires_at=now + datetime.timedelta(days=days),
    )  # fmt: skip
    return token, key


def holder(key: str, *, door: str) -> ApiToken | None:
    """Return the living token of `key` at `door`, or None; the comparison is one lookup by digest."""
    return (
        ApiToken.objects.select_related("user", "study")
        .filter(digest=_digest(key), door=door, revoked_at__isnull=True, expires_at__gt=clock.now())
        .filter(user__is_active=True)
        .first()
    )


def mark_used(token: ApiToken) -> None:
    """Note the use, at most once a minute, so that reading data does not become a stream of writes."""
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=clock.now() - USED_RESOLUTION)
    ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=clock.now())


@transaction.atomic
def revoke(*, prefix: str, by: User) -> None:
    """Revoke one's own token; revoking twice is harmless.

    Raises:
        NotFound: no such token of this person.
    """
    token = ApiToken.objects.filter(user=by, prefix=prefix).first()
    if token is None:
        raise NotFound("There is no such token of yours.")
    if token.revoked_at is None:
        token.revoked_at = clock.now()
        token.save(update_fields=["revoked_at"])


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
