"""The generators that a list may be made with, and the one way to a substream."""

from enum import StrEnum

from sessions.randomization.chacha import ChaChaStream
from sessions.randomization.drbg import HmacDrbg
from sessions.randomization.streams import ByteStream


class Generator(StrEnum):
    """A deterministic generator of bytes."""

    HMAC_DRBG = "hmac-drbg-sha256"
    CHACHA20 = "chacha20"


def substream(generator: Generator, seed: bytes, name: str) -> ByteStream:
    """Return the stream of one use of a seed: numbers, nonces, a stratum, a participant."""
    if generator is Generator.CHACHA20:
        return ChaChaStream(seed, name.encode())
    return HmacDrbg(seed, personalization=name.encode())
