"""HMAC_DRBG with SHA-256 (NIST SP 800-90A Rev. 1, section 10.1.2).

Neither `random` nor numpy's Generator: their streams are not promised across versions, and a trial's list must be
derivable again when its data are inspected.
"""

import hashlib
import hmac

from sessions.randomization.streams import ByteStream

LARGEST_REQUEST_BYTES = 2**16


class HmacDrbg(ByteStream):
    """A deterministic stream of bytes from a seed.

    Parameters
    ----------
    entropy
        Seed material, 32 bytes or more from the operating system.
    nonce
        Second part of the seed material; may be empty when the entropy holds it.
    personalization
        Names the use, so that one seed gives independent substreams (one per stratum).
    """

    def __init__(self, entropy: bytes, nonce: bytes = b"", personalization: bytes = b"") -> None:
        self._key, self._value = bytes(32), b"\x01" * 32
        self._update(entropy + nonce + personalization)

    def reseed(self, entropy: bytes, additional: bytes = b"") -> None:
        """Mix new entropy into the state."""
        self._update(entropy + additional)

    def generate(self, length: int, additional: bytes = b"") -> bytes:
        """Return `length` bytes.

        Raises
        ------
        ValueError
            More than 2**16 bytes in one request (SP 800-90A, table 2).
        """
        if length > LARGEST_REQUEST_BYTES:
            msg = f"at most {LARGEST_REQUEST_BYTES} bytes per request"
            raise ValueError(msg)
        if additional:
            self._update(additional)
        output = b""
        while len(output) < length:
            self._value = self._hmac(self._value)
            output += self._value
        self._update(additional)
        return output[:length]

    def _hmac(self, message: bytes) -> bytes:
        return hmac.new(self._key, message, hashlib.sha256).digest()

    def _update(self, provided: bytes) -> None:
        self._key = self._hmac(self._value + b"\x00" + provided)
        self._value = self._hmac(self._value)
        if provided:
            self._key = self._hmac(self._value + b"\x01" + provided)
            self._value = self._hmac(self._value)
