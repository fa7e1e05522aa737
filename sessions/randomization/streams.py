"""What every deterministic stream of bytes offers: even integers, shuffles and draws.

The rules below turn bytes into choices. They are part of a list's proof as much as the generator is: a change would
make every committed list underivable.
"""

from abc import ABC, abstractmethod
from collections.abc import MutableSequence
from typing import TypeVar

T = TypeVar("T")


class ByteStream(ABC):
    """A deterministic stream of bytes, and the choices made from it."""

    @abstractmethod
    def generate(self, length: int) -> bytes:
        """Return the next `length` bytes."""

    def below(self, bound: int) -> int:
        """Return an integer drawn evenly from 0..bound-1, by rejection, so that no value is favoured.

        Raises
        ------
        ValueError
            The bound is not positive.
        """
        if bound < 1:
            raise ValueError("the bound must be at least 1")
        bits = (bound - 1).bit_length()
        size = max(1, (bits + 7) // 8)
        mask = (1 << bits) - 1
        while True:
            candidate = int.from_bytes(self.generate(size)) & mask
            if candidate < bound:
                return candidate

    def shuffle(self, items: MutableSequence[T]) -> None:
        """Shuffle in place (Fisher and Yates; Durstenfeld 1964)."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]

    def draw(self, items: MutableSequence[T], count: int) -> list[T]:
        """Draw `count` items without replacement, in random order; `items` is left in part shuffled."""
        drawn = []
        for last in range(len(items) - 1, len(items) - 1 - count, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]
            drawn.append(items[last])
        return drawn


class Buffered(ByteStream):
    """A stream read ahead in large pieces: for simulations, where speed counts and nothing is derived again.

    It gives the bytes of its source without what `HmacDrbg` throws away at the end of every request, so a list drawn
    through it is another list than one drawn from the source itself.
    """

    def __init__(self, source: ByteStream, piece_bytes: int = 4096) -> None:
        self._source, self._piece_bytes = source, piece_bytes
        self._held, self._used = b"", 0

    def generate(self, length: int) -> bytes:
        """Return the next `length` bytes."""
        while len(self._held) - self._used < length:
            self._held, self._used = self._held[self._used :] + self._source.generate(self._piece_bytes), 0
        taken = self._held[self._used : self._used + length]
        self._used += length
        return taken
