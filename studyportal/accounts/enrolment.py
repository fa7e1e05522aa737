"""Accounts of the unblinded door: opened by whoever runs the portal, enrolled by their holder behind a link.

The link is the only way to a password and an authenticator there, so a password alone never leads to either. It is
made by `manage.py vault_account` with the vault's login, works once and for three days.
"""

import datetime
import hashlib
import secrets

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core.exceptions import ValidationError
from django.db import transaction

from studyportal import clock
from studyportal.accounts import team
from studyportal.accounts.doors import is_unblinded
from studyportal.accounts.models import Enrolment, User
from studyportal.accounts.roles import UNBLINDED_ROLES
from studyportal.accounts.second_factor import spend_code
from studyportal.accounts.selectors import memberships_of
from studyportal.audit import events
from studyportal.audit.context import acting
from studyportal.errors import InvalidInput, NotFound
from studyportal.studies.models import Study

LIFETIME = datetime.timedelta(days=3)
GONE = (
    "This enrolment link is not valid: it was used, is older than three days, or a newer one was made. Ask for a new "
    "one."
)


@transaction.atomic
def open_account(*, username: str, full_name: str, email: str) -> User:
    """Make an account that nobody can sign in to yet.

    Raises:
        InvalidInput: the name is taken or is none, with a sentence for each field.
    """
    user = User(username=username, full_name=full_name.strip(), email=email)
    user.set_unusable_password()
    try:
        user.full_clean()
    except ValidationError as error:
        fields = {name: " ".join(said) for name, said in error.message_dict.items()}
        raise InvalidInput("The account cannot be made so.", fields=fields) from None
    user.save()
    return user


@transaction.atomic
def invite(*, user: User) -> str:
    """Take away password, authenticator and older links of an account; return the secret of its new link.

    Whoever is signed in with the account is signed out.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    user.set_unusable_password()
    user.save(update_fields=["password"])
    Authenticator.objects.filter(user=user).delete()
    now = clock.now()
    Enrolment.objects.filter(user=user, used_at=None, expires_at__gt=now).update(expires_at=now)
    secret = secrets.token_urlsafe(32)
    Enrolment.objects.create(user=user, digest=_digest(secret), made_at=now, expires_at=now + LIFETIME)
    events.record("enrolment link made", study="", target=user.username)
    return secret


@transaction.atomic
def give_unblinded_role(*, study: Study, user: User, role: str, site_code: str) -> str | None:
    """Give an unblinded role; return the secret of a link when the account is new at the vault.

    Raises:
        InvalidInput: no unblinded role, no such site, held already, or the account has a blinded role somewhere.
    """
    if role not in UNBLINDED_ROLES:
        named = ", ".join(sorted(UNBLINDED_ROLES))
        raise InvalidInput("This is no unblinded role.", fields={"role": f"Choose one of: {named}."})
    # What the blinded door may have set is taken away first; the database insists (accounts migration 0004).
    secret = None if is_unblinded(user) else invite(user=user)
    team.grant(study=study, username=user.username, role=role, site_code=site_code)
    return secret


@transaction.atomic
def admit(*, study: Study, username: str, full_name: str, email: str, role: str, site_code: str) -> str | None:
    """Give an unblinded role to an account, made here when it is new; return its link as `give_unblinded_role` does.

    Raises:
        InvalidInput: see `open_account` and `give_unblinded_role`; nothing was made.
    """
    user = User.objects.filter(username=username).first()
    user = user or open_account(username=username, full_name=full_name, email=email)
    return give_unblinded_role(study=study, user=user, role=role, site_code=site_code)


@transaction.atomic
def end_unblinded_role(*, study: Study, user: User, role: str) -> None:
    """End an unblinded role at every site; the account stays one of the vault's.

    Raises:
        NotFound: the person does not hold this role now.
    """
    held = list(memberships_of(user, study).filter(role=role, is_unblinded=True).select_related("user", "study"))
    if not held:
        raise NotFound("This person does not hold this unblinded role in the study.")
    for membership in held:
        team.finish(membership)


def whose(secret: str) -> User:
    """Return the person whom a living link belongs to.

    Raises:
        NotFound: the link was used, is too old, or is none.
    """
    return _living(secret).user


@transaction.atomic
def enrol(*, secret: str, password: str, totp_secret: str, code: str) -> User:
    """Set password and authenticator behind a link; the link is used up.

    `code` is what the authenticator showed: it does not open the door a second time.

    Raises:
        NotFound: the link was used, is too old, or is none.
    """
    enrolment = _living(secret, lock=True)
    user = User.objects.select_for_update().get(pk=enrolment.user_id)
    with acting(f"user:{user.username}"):
        user.set_password(password)
        user.save(update_fields=["password"])
        Authenticator.objects.filter(user=user).delete()
        spend_code(TOTP.activate(user, totp_secret).instance, code)
        RecoveryCodes.activate(user)
        enrolment.used_at = clock.now()
        enrolment.save(update_fields=["used_at"])
        events.record("enrolled", study="", target=user.username)
    return user


def _living(secret: str, *, lock: bool = False) -> Enrolment:
    rows = Enrolment.objects.select_for_update(of=("self",)) if lock else Enrolment.objects
    found = (
        rows.select_related("user")
        .filter(digest=_digest(secret), used_at=None, expires_at__gt=clock.now(), user__is_active=True)
        .first()
    )
    if found is None:
        raise NotFound(GONE)
    return found


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
