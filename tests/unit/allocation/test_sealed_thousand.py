"""Bar B5: sealed blobs of constant length, all distinct; exchanged or changed, a thousand of a thousand are refused."""

import secrets

import pytest

from sessions.allocation.sealing import seal, unseal
from sessions.allocation.services import slot_info
from studyportal.errors import BlindingViolation

CASES = 1000
LIST = "6f2c1f0e-2c53-4a5e-9f57-6b5ad0d5a111"


@pytest.fixture
def blobs(settings) -> list[tuple[bytes, str]]:
    settings.PORTAL_DOOR = "vault"
    drawing = secrets.SystemRandom()
    places = [slot_info(LIST, f"{at % 4:02}|F", at // 4 + 1, f"R-{1000 + at}") for at in range(CASES)]
    return [
        (seal(secrets.token_bytes(32) + drawing.choice([b"AB", b"BA", b"ABCDEFGH", b""]), place), place)
        for place in places
    ]


def is_refused(blob: bytes, place: str) -> bool:
    try:
        unseal(blob, place)
    except BlindingViolation:
        return True
    return False


def test_a_thousand_blobs_have_one_length_and_none_repeats(blobs) -> None:
    assert {len(blob) for blob, _ in blobs} == {len(blobs[0][0])}
    assert len({blob for blob, _ in blobs}) == CASES
    assert len({blob[:32] for blob, _ in blobs}) == CASES
    assert not any(is_refused(blob, place) for blob, place in blobs[:50])


def test_a_thousand_exchanged_blobs_are_refused(blobs) -> None:
    assert sum(is_refused(blobs[(at + 1) % CASES][0], place) for at, (_, place) in enumerate(blobs)) == CASES


def test_a_thousand_changed_blobs_are_refused(blobs) -> None:
    """One bit each: every bit of a blob is flipped in some of them, and in all a random one beyond."""
    length, refused = len(blobs[0][0]) * 8, 0
    for at, (blob, place) in enumerate(blobs):
        bit = at % length if at < length else secrets.randbelow(length)
        whole = int.from_bytes(blob) ^ (1 << bit)
        refused += is_refused(whole.to_bytes(len(blob)), place)
    assert refused == CASES


def test_a_shortened_or_lengthened_blob_is_refused(blobs) -> None:
    blob, place = blobs[0]
    assert all(is_refused(blob[:length], place) for length in range(len(blob)))
    assert is_refused(blob + b"\0", place)
