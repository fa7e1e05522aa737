"""Identity: AES-GCM under a key of the participant's own, which the portal's identity key wraps.

Erasure destroys the wrapped key; what is left cannot be read by anybody (NIST SP 800-38D for the mode).
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction

from participants.models import Identity, Participant
from studyportal import clock
from studyportal.accounts.models import User
from studyportal.accounts.roles import Permission
from studyportal.accounts.selectors import check
from studyportal.audit import events
from studyportal.errors import NotFound

NONCE_BYTES = 12
KEY_BYTES = 32


def seal_identity(participant: Participant, document: Mapping[str, str]) -> None:
    """Store a new participant's identity, sealed."""
    key = os.urandom(KEY_BYTES)
    label = str(participant.pk).encode()
    Identity.objects.create(
        participant=participant,
        sealed_key=_seal(_portal_key(), key, label),
        sealed_document=_seal(key, json.dumps(dict(document)).encode(), label),
    )


def read_identity(*, participant: Participant, by: User) -> dict[str, str]:
    """Open an identity for somebody whose role needs it; the look is in the trail before it happens.

    Raises:
        NotPermitted: the role does not include identities at this site.
        NotFound: there is none, or it was erased.
    """
    check(by, Permission.IDENTITY_VIEW, participant.study, participant.site)
    sealed = Identity.objects.filter(participant=participant, erased_at__isnull=True).first()
    if sealed is None:
        raise NotFound("There is no identity on file for this participant.")
    events.record_now("identity viewed", study=participant.study.code, target=participant.number)
    label = str(participant.pk).encode()
    key = _open(_portal_key(), bytes(sealed.sealed_key), label)
    return dict(json.loads(_open(key, bytes(sealed.sealed_document), label)))


@transaction.atomic
def erase_identity(*, participant: Participant, by: User) -> None:
    """Destroy the key of an identity; the study record stays.

    Raises:
        NotPermitted: the role does not include identities at this site.
    """
    check(by, Permission.IDENTITY_VIEW, participant.study, participant.site)
    Identity.objects.filter(participant=participant).update(sealed_key=b"", erased_at=clock.now())
    events.record("identity erased", study=participant.study.code, target=participant.number)


def _portal_key() -> bytes:
    secret = Path(settings.PORTAL_IDENTITY_KEY_FILE).read_bytes()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"identity").derive(secret)


def _seal(key: bytes, plain: bytes, label: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, label)


def _open(key: bytes, sealed: bytes, label: bytes) -> bytes:
    return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], label)
