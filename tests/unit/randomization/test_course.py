"""The course of a minimization is derived from the seed: sequences, numbers and nonces, exactly these."""

import hashlib

from sessions.randomization.course import next_slot, number_of
from sessions.randomization.generators import Generator
from sessions.randomization.minimization import scheme_of

SEED = bytes(range(32))
SCHEME = scheme_of({"factors": {"site": ["01", "02"], "sex": ["F", "M"]}, "probability": "0.8"}, ["AB", "BA"])
WHO = ((1, "F"), (2, "M"), (1, "F"), (1, "M"), (2, "F"), (1, "F"))
PEOPLE = [{"site": f"0{place}", "sex": sex} for place, sex in WHO]


def course(generator: Generator) -> list[tuple[int, str, str, str]]:
    taken: list[str] = []
    rows = []
    for place, newcomer in enumerate(PEOPLE):
        slot = next_slot(SCHEME, SEED, PEOPLE[:place], newcomer, taken_numbers=taken, generator=generator)
        taken.append(slot.number)
        rows.append((slot.ordinal, slot.number, slot.sequence, hashlib.sha256(slot.nonce).hexdigest()[:8]))
        assert (slot.stratum, len(slot.nonce)) == ("all", 32)
    return rows


def test_the_golden_course() -> None:
    assert course(Generator.HMAC_DRBG) == [
        (1, "R-4699", "BA", "339f3f34"),
        (2, "R-4681", "BA", "eba5054c"),
        (3, "R-9302", "AB", "ec843e96"),
        (4, "R-5112", "AB", "febf00fd"),
        (5, "R-9391", "AB", "78d87708"),
        (6, "R-4818", "BA", "06c746f8"),
    ]


def test_another_generator_gives_another_course() -> None:
    assert course(Generator.CHACHA20) == [
        (1, "R-6202", "AB", "9c5e9518"),
        (2, "R-6276", "BA", "4acd4c33"),
        (3, "R-7944", "BA", "823d8fac"),
        (4, "R-5049", "AB", "6d6f6e9e"),
        (5, "R-7811", "AB", "04d2a023"),
        (6, "R-9250", "BA", "30bfee19"),
    ]


def test_a_number_that_the_study_has_is_drawn_again() -> None:
    first = number_of(SEED, 1, [])
    second = number_of(SEED, 1, [first])
    third = number_of(SEED, 1, [first, second])
    assert len({first, second, third}) == 3
    assert number_of(SEED, 1, [first]) == second


def test_numbers_get_longer_with_the_study() -> None:
    assert len(number_of(SEED, 1, [f"R-{n}" for n in range(1000, 3498)])) == len("R-1234")
    assert len(number_of(SEED, 1, [f"R-{n}" for n in range(1000, 3499)])) == len("R-12345")
