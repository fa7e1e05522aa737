"""Documents of any length, sealed to the vault: a fresh key for each, which is sealed as slots are (`sealing`)."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sessions.allocation.sealing import seal, unseal
from studyportal.errors import BlindingViolation

PIECE_BYTES = 4096
"""Documents are padded to whole pieces, so that their length says little."""
KEY_BYTES = 32
SINGLE_USE = bytes(12)
"""The key seals one document, so its nonce may be constant."""


def seal_document(document: Mapping[str, object], info: str) -> bytes:
    """Seal a JSON document, bound to `info`."""
    text = json.dumps(document, ensure_ascii=True).encode()
    padded = text.ljust(-(-len(text) // PIECE_BYTES) * PIECE_BYTES)
    key = secrets.token_bytes(KEY_BYTES)
    sealed_key = seal(key, info)
    return len(sealed_key).to_bytes(2) + sealed_key + AESGCM(key).encrypt(SINGLE_USE, padded, info.encode())


def unseal_document(blob: bytes, info: str) -> dict[str, Any]:
    """Open a document at the vault.

    Raises:
        BlindingViolation: this process is not the vault, or the document was moved or altered.
    """
    end = 2 + int.from_bytes(blob[:2])
    key = unseal(blob[2:end], info)
    try:
        text = AESGCM(key).decrypt(SINGLE_USE, blob[end:], info.encode())
    except InvalidTag:
        raise BlindingViolation("A sealed document was altered. Tell the trial office at once.") from None
    document: dict[str, Any] = json.loads(text)
    return document
