"""Sealing with HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM) to the vault's public key.

Every blob of a kind has the same length and none repeats; each is bound to its place by the `info` text. Anybody with
the public key can seal; opening needs the private key, which exists in the vault's process only.
"""

import hashlib
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from django.conf import settings

from studyportal.errors import BlindingViolation

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
PAYLOAD_BYTES = 64


def make_key_pair(private: Path, public: Path) -> None:
    """Write a new key pair, the private half readable by its owner only."""
    key = X25519PrivateKey.generate()
    private.touch(mode=0o600, exist_ok=False)
    private.write_bytes(key.private_bytes_raw())
    public.write_bytes(key.public_key().public_bytes_raw())


def seal(payload: bytes, info: str) -> bytes:
    """Seal up to 62 bytes as a blob of constant length, bound to `info`."""
    key = X25519PublicKey.from_public_bytes(Path(settings.PORTAL_VAULT_PUBLIC_KEY_FILE).read_bytes())
    framed = len(payload).to_bytes(2) + payload
    if len(framed) > PAYLOAD_BYTES:
        msg = f"a sealed payload holds at most {PAYLOAD_BYTES - 2} bytes"
        raise ValueError(msg)
    return bytes(SUITE.encrypt(framed.ljust(PAYLOAD_BYTES, b"\0"), key, info.encode()))


def unseal(blob: bytes, info: str) -> bytes:
    """Open a blob at the vault.

    Raises:
        BlindingViolation: this process is not the vault, or the blob was moved or altered.
    """
    path = Path(settings.PORTAL_VAULT_KEY_FILE)
    if settings.PORTAL_DOOR != "vault" or not path.exists():
        raise BlindingViolation("Not found.")
    return unseal_with(path.read_bytes(), blob, info)


def unseal_with(private: bytes, blob: bytes, info: str) -> bytes:
    """Open a blob with a private key that two holders have restored.

    Raises:
        BlindingViolation: it is not this key's blob, or the blob was moved or altered.
    """
    try:
        framed = SUITE.decrypt(blob, X25519PrivateKey.from_private_bytes(private), info.encode())
    except InvalidTag:
        raise BlindingViolation("A sealed slot was altered or moved. Tell the trial office at once.") from None
    return bytes(framed[2 : 2 + int.from_bytes(framed[:2])])


def public_of(private: bytes) -> bytes:
    """Return the public half of a private key."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def fingerprint(public: bytes) -> str:
    """Return the first 64 bits of the hash of a public key, in four groups: what people compare."""
    text = hashlib.sha256(public).hexdigest()
    return " ".join(text[at : at + 4] for at in range(0, 16, 4))
