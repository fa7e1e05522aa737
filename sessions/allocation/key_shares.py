"""The vault's key as three shares of words (SLIP-39), any two of which restore it; one alone tells nothing.

A share is 33 words: the number of its set, its place in it, 256 bits and a checksum that finds up to three wrong words.
Typed words are judged here before they are combined, so that each mistake is told with what to do about it.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.share import Share
from shamir_mnemonic.wordlist import WORD_INDEX_MAP, WORDLIST

from studyportal.errors import InvalidInput

HOLDERS, NEEDED, WORDS = 3, 2, 33
NEXT = "Type it again from the sheet."


@dataclass(frozen=True, slots=True)
class KeyShare:
    """One share: which set, which place in it (from 1), and its words."""

    set_number: int
    place: int
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """The words in one line."""
        return " ".join(self.words)


def split(private: bytes) -> list[KeyShare]:
    """Return three fresh shares of a private key of 32 bytes; each call makes another set."""
    (texts,) = generate_mnemonics(1, [(NEEDED, HOLDERS)], private)
    return [_share(text) for text in texts]


def read_share(typed: str) -> KeyShare:
    """Return the share that was typed; numbers between the words and the case of letters do not matter.

    Raises:
        InvalidInput: a word is unknown, some are missing, or the checksum fails; the message says which and what to do.
    """
    words = [word for word in typed.lower().replace(",", " ").split() if not word.rstrip(".").isdigit()]
    for place, word in enumerate(words, start=1):
        if word not in WORD_INDEX_MAP:
            near = difflib.get_close_matches(word, WORDLIST, n=1, cutoff=0.6)
            hint = f" Is it «{near[0]}»?" if near else ""
            msg = f"Word {place}, «{word[:20]}», is not in the list of words.{hint} {NEXT}"
            raise InvalidInput(msg)
    if len(words) != WORDS:
        msg = f"A share has {WORDS} words, and {len(words)} were typed. {NEXT}"
        raise InvalidInput(msg)
    try:
        found = Share.from_mnemonic(" ".join(words))
    except MnemonicError:
        msg = f"This share is damaged: a word was misread, left out or exchanged with another one. {NEXT}"
        raise InvalidInput(msg) from None
    if (found.group_count, found.member_threshold) != (1, NEEDED):
        raise InvalidInput("These are words of something else than a share of this portal's key.")
    return _share(" ".join(words))


def combine(shares: Sequence[KeyShare]) -> bytes:
    """Return the private key of two shares.

    Raises:
        InvalidInput: there are not two, they are of different sets, both are the same one, or they do not fit together.
    """
    if len(shares) != NEEDED:
        msg = f"The key is restored from {NEEDED} shares; {len(shares)} came. One share alone tells nothing."
        raise InvalidInput(msg)
    first, second = shares
    if first.set_number != second.set_number:
        msg = (
            f"These shares are of different sets: {first.set_number} and {second.set_number}. "
            "Use two sheets with the same set number, those of the latest issue."
        )
        raise InvalidInput(msg)
    if first.place == second.place:
        msg = f"Both are share {first.place}. The second share must come from another holder."
        raise InvalidInput(msg)
    try:
        return bytes(combine_mnemonics([first.text, second.text]))
    except MnemonicError:
        raise InvalidInput("These two shares do not belong together, although their numbers agree.") from None


def _share(text: str) -> KeyShare:
    found = Share.from_mnemonic(text)
    return KeyShare(found.identifier, found.index + 1, tuple(text.split()))
