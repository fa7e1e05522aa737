"""Sealing of originals: a stream of AES-256-GCM chunks under a key of the file's own, that key sealed with HPKE.

The portal holds the public key only, so that whoever takes over a server reads no original. The private key stays with
whom the study names; `manage.py open_original` uses it where it is brought. Chunks are numbered and the last one is
marked (the STREAM construction, Hoang et al. 2015, CRYPTO), so that a cut or reordered file does not open.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from django.conf import settings

from studyportal.errors import InvalidInput, InvalidState

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
MARK = b"portal-original-1\n"
KEY_BYTES = 32
SEALED_KEY_BYTES = 32 + KEY_BYTES + 16
CHUNK_BYTES = 1024 * 1024
TAG_BYTES = 16


def has_key() -> bool:
    """Whether this installation can seal originals."""
    return Path(settings.PORTAL_QUARANTINE_PUBLIC_KEY_FILE).exists()


def sealed(pieces: Iterable[bytes], label: str) -> Iterator[bytes]:
    """Yield the sealed file of a stream, bound to `label`.

    Raises:
        InvalidState: this installation has no quarantine key.
    """
    if not has_key():
        raise InvalidState("The study keeps originals, but this installation has no quarantine key.", code="no_key")
    key = os.urandom(KEY_BYTES)
    public = X25519PublicKey.from_public_bytes(Path(settings.PORTAL_QUARANTINE_PUBLIC_KEY_FILE).read_bytes())
    yield MARK + bytes(SUITE.encrypt(key, public, label.encode()))
    cipher = AESGCM(key)
    for number, (chunk, is_last) in enumerate(_chunks(pieces, CHUNK_BYTES)):
        yield cipher.encrypt(_nonce(number, is_last=is_last), chunk, None)


def opened(pieces: Iterable[bytes], private_key: bytes, label: str) -> Iterator[bytes]:
    """Yield the original of a sealed stream.

    Raises:
        InvalidInput: the key does not fit, or the file was cut, moved or altered.
    """
    head, rest = _split(pieces, len(MARK) + SEALED_KEY_BYTES)
    try:
        if not head.startswith(MARK):
            raise InvalidTag  # noqa: TRY301 - one refusal for everything that does not open
        private = X25519PrivateKey.from_private_bytes(private_key)
        cipher = AESGCM(bytes(SUITE.decrypt(head[len(MARK) :], private, label.encode())))
        for number, (chunk, is_last) in enumerate(_chunks(rest, CHUNK_BYTES + TAG_BYTES)):
            yield cipher.decrypt(_nonce(number, is_last=is_last), chunk, None)
    except (InvalidTag, ValueError):
        raise InvalidInput("The key does not open this original, or the file was altered.", code="sealed") from None


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


def _split(pieces: Iterable[bytes], size: int) -> tuple[bytes, Iterator[bytes]]:
    """Return the first `size` bytes of a stream, fewer where it is shorter, and what follows."""
    following, head = iter(pieces), b""
    while len(head) < size and (piece := next(following, None)) is not None:
        head += piece
    return head[:size], chain((head[size:],), following)


def _chunks(pieces: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Cut a stream into chunks of `size`, saying which is the last; an empty stream is one empty chunk."""
    held = b""
    for piece in pieces:
        held += piece
        whole = max(0, len(held) - 1) // size * size  # one byte stays at least: its chunk may be the last
        for begin in range(0, whole, size):
            yield held[begin : begin + size], False
        held = held[whole:]
    yield held, True
