"""ChaCha20 (RFC 8439, sections 2.1 to 2.4) as a stream of bytes: the second generator that a list may be made with.

In plain Python, so that it can be read beside the RFC and run wherever a list is verified; it encrypts nothing.
"""

import hashlib
import hmac
import struct

from sessions.randomization.streams import ByteStream

CONSTANTS = struct.unpack("<4I", b"expand 32-byte k")
KEY_BYTES = 32
NONCE_BYTES = 12
BLOCK_BYTES = 64
QUARTERS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))  # fmt: skip
WORD = 0xFFFFFFFF


def quarter_round(state: list[int], a: int, b: int, c: int, d: int) -> None:
    """Mix four of the sixteen words in place (RFC 8439, section 2.2)."""
    for target, other, mixed, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        state[target] = (state[target] + state[other]) & WORD
        turned = state[mixed] ^ state[target]
        state[mixed] = ((turned << bits) | (turned >> (32 - bits))) & WORD


def chacha20_block(key: bytes, counter: int, nonce: bytes) -> bytes:
    """Return one block of 64 bytes (RFC 8439, section 2.3).

    Raises
    ------
    ValueError
        The key has not 32 bytes, the nonce not 12, or the counter not 32 bits.
    """
    if len(key) != KEY_BYTES or len(nonce) != NONCE_BYTES or not 0 <= counter <= WORD:
        raise ValueError("ChaCha20 takes a key of 32 bytes, a nonce of 12 bytes and a counter of 32 bits")
    start = [*CONSTANTS, *struct.unpack("<8I", key), counter, *struct.unpack("<3I", nonce)]
    state = list(start)
    for _ in range(10):
        for quarter in QUARTERS:
            quarter_round(state, *quarter)
    return struct.pack("<16I", *((one + other) & WORD for one, other in zip(state, start, strict=True)))


class ChaChaStream(ByteStream):
    """The key stream of ChaCha20 from block 0 on, with the nonce 0.

    Parameters
    ----------
    seed
        32 bytes from the operating system.
    name
        Names the use: the key is HMAC-SHA-256 of it under the seed, so that one seed gives independent substreams.
    """

    def __init__(self, seed: bytes, name: bytes) -> None:
        self._key = hmac.new(seed, b"chacha20:" + name, hashlib.sha256).digest()
        self._counter, self._left = 0, b""

    def generate(self, length: int) -> bytes:
        """Return the next `length` bytes."""
        while len(self._left) < length:
            self._left += chacha20_block(self._key, self._counter, bytes(NONCE_BYTES))
            self._counter += 1
        taken, self._left = self._left[:length], self._left[length:]
        return taken
