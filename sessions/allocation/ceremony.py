"""The key ceremony: shares of the vault's key for three holders, restored from two, and proven once a year.

A share is printed for its holder and kept nowhere. What is kept is who holds which set, and a blob that was sealed when
the set was issued: whoever restores the key proves it by opening that.
"""

import datetime
import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction

from sessions.allocation.key_models import KeyRestoreTest, KeyShareSet
from sessions.allocation.key_shares import HOLDERS, KeyShare, combine, split
from sessions.allocation.models import ListSlot
from sessions.allocation.sealing import fingerprint, public_of, seal, unseal_with
from sessions.allocation.services import slot_info
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import BlindingViolation, InvalidInput, InvalidState
from studyportal.studies.models import Study

DUE_AFTER = datetime.timedelta(days=365)
LONGEST_NAME = 80
TEST_BYTES = 62
SLOTS_TO_OPEN = 3


@dataclass(frozen=True, slots=True)
class Issued:
    """A set of shares on its way to paper: whose each is."""

    share_set: KeyShareSet
    shares: tuple[KeyShare, ...]

    @property
    def by_holder(self) -> list[tuple[str, KeyShare]]:
        """The shares with their holders."""
        return list(zip(self.share_set.holders, self.shares, strict=True))


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """What the vault's start page says of its key."""

    fingerprint: str
    share_set: KeyShareSet | None
    last_test: KeyRestoreTest | None
    is_overdue: bool


def installed_key() -> bytes:
    """Return the private key of this vault.

    Raises:
        InvalidState: there is none here.
    """
    path = Path(settings.PORTAL_VAULT_KEY_FILE)
    if not path.exists():
        msg = f"There is no private key at {path}. Make one with 'generate', or restore it from two shares."
        raise InvalidState(msg)
    return path.read_bytes()


def installed_public() -> bytes:
    """Return the public key to which slots are sealed.

    Raises:
        InvalidState: there is none here.
    """
    path = Path(settings.PORTAL_VAULT_PUBLIC_KEY_FILE)
    if not path.exists():
        msg = f"There is no public key at {path}. It is needed to know whether the right key was restored."
        raise InvalidState(msg)
    return path.read_bytes()


def present_set() -> KeyShareSet | None:
    """Return the set of shares that is in force for the installed key: the latest one."""
    return KeyShareSet.objects.filter(fingerprint=fingerprint(installed_public())).order_by("-issued_at").first()


@transaction.atomic
def issue(*, holders: Sequence[str], issued_by: str) -> Issued:
    """Split the installed key into three fresh shares; an earlier set of the key is void from now on.

    Raises:
        InvalidInput: there are not three different names.
        InvalidState: this vault has no key, or its two halves do not belong together.
    """
    names = _names(holders)
    private = installed_key()
    public = installed_public()
    if public_of(private) != public:
        raise InvalidState("The private key here does not belong to the public key that slots are sealed to.")
    before = present_set()
    used = set(KeyShareSet.objects.values_list("number", flat=True))
    shares = split(private)
    while shares[0].set_number in used:
        shares = split(private)
    proof = secrets.token_bytes(TEST_BYTES)
    number = shares[0].set_number
    made = KeyShareSet.objects.create(
        number=number, fingerprint=fingerprint(public), holders=names, issued_at=clock.now(), issued_by=issued_by,
        test_blob=seal(proof, _test_info(number)), test_sha256=hashlib.sha256(proof).hexdigest(),
    )  # fmt: skip
    told = {"set": number, "holders": names, "replaces": before.number if before else None}
    events.record("key shares issued", study="", target=f"key {made.fingerprint}", data=told)
    return Issued(made, tuple(shares))


def restored(shares: Sequence[KeyShare], *, known: KeyShareSet | None = None) -> bytes:
    """Return the private key that two shares give, if it is this vault's and the shares are in force.

    Args:
        shares: two of them.
        known: the set in force, where the database could be asked.

    Raises:
        InvalidInput: the shares are wrong, mixed, void, or of another key; the message says which.
    """
    private = combine(shares)
    public = installed_public()
    if public_of(private) != public:
        msg = (
            f"These shares restore the key {fingerprint(public_of(private))}, but this vault seals to "
            f"{fingerprint(public)}. Look for the sheets with that fingerprint."
        )
        raise InvalidInput(msg)
    if known is not None and known.number != shares[0].set_number:
        msg = (
            f"Set {shares[0].set_number} was replaced by set {known.number} on {known.issued_at:%-d %b %Y}. "
            f"Its holders are {', '.join(known.holders)}. Destroy the sheets of the old set."
        )
        raise InvalidInput(msg)
    return private


def restore_to(shares: Sequence[KeyShare], path: Path, *, known: KeyShareSet | None = None) -> None:
    """Write the key that two shares give to a file that does not exist yet, readable by its owner only.

    Raises:
        InvalidInput: as for `restored`.
        InvalidState: there is a file already.
    """
    private = restored(shares, known=known)
    try:
        place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        msg = f"There is a key at {path} already. Nothing was written."
        raise InvalidState(msg) from None
    with os.fdopen(place, "wb") as file:
        file.write(private)


@transaction.atomic
def prove_restore(shares: Sequence[KeyShare], *, tested_by: str) -> KeyRestoreTest:
    """Restore the key in memory from two shares, open what was sealed when they were issued, and record it.

    Besides the test blob, up to three real slots of the lists are opened and forgotten; none is shown.

    Raises:
        InvalidInput: as for `restored`.
        InvalidState: no shares were issued for the installed key.
        BlindingViolation: the key does not open the test blob or a slot.
    """
    known = present_set()
    if known is None:
        raise InvalidState("No shares of this key were issued. Issue them first.")
    private = restored(shares, known=known)
    holders = [known.holders[share.place - 1] for share in shares]
    told = {"set": known.number, "holders": holders}
    events.record_now("key restore tested", study="", target=f"key {known.fingerprint}", data=told)
    proof = unseal_with(private, bytes(known.test_blob), _test_info(known.number))
    if hashlib.sha256(proof).hexdigest() != known.test_sha256:
        raise BlindingViolation("The test slot was altered. Tell the trial office at once.")
    slots = ListSlot.objects.select_related("stratum").order_by("?")[:SLOTS_TO_OPEN]
    for slot in slots:
        place = slot_info(slot.stratum.list_id, slot.stratum.key, slot.ordinal, slot.number)
        unseal_with(private, bytes(slot.sealed), place)
    return KeyRestoreTest.objects.create(
        share_set=known, holders=holders, slots_opened=len(slots), tested_at=clock.now(), tested_by=tested_by
    )


def key_status(viewer: User, study: Study) -> KeyStatus:
    """Return who holds the key's shares and when they were last tried.

    Raises:
        NotPermitted: the viewer's role does not include lists.
    """
    check(viewer, Permission.LIST_VIEW, study)
    return status_now()


def status_now() -> KeyStatus:
    """Return the same for whoever runs the portal."""
    known = present_set()
    last = known.tests.first() if known else None
    since = last.tested_at if last else None
    is_overdue = since is None or clock.now() - since > DUE_AFTER
    return KeyStatus(fingerprint(installed_public()), known, last, is_overdue)


def _names(holders: Sequence[str]) -> list[str]:
    names = [" ".join(name.split()) for name in holders]
    if len(names) != HOLDERS:
        msg = f"Name {HOLDERS} holders, with --holder each; {len(names)} were named."
        raise InvalidInput(msg)
    if not all(names) or any(len(name) > LONGEST_NAME for name in names):
        msg = f"Give each holder's full name, of at most {LONGEST_NAME} letters."
        raise InvalidInput(msg)
    if len({name.casefold() for name in names}) != HOLDERS:
        raise InvalidInput("The holders must be three different people.")
    return names


def _test_info(number: int) -> str:
    return f"key share set {number}|test"
