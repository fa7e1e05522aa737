"""HMAC_DRBG against the NIST CAVP file HMAC_DRBG.rsp (SHA-256, no reseed) and its own promises."""

from collections import Counter

import pytest

from sessions.randomization import HmacDrbg


def test_cavp_sha256_no_reseed_count_0() -> None:
    drbg = HmacDrbg(
        bytes.fromhex("ca851911349384bffe89de1cbdc46e6831e44d34a4fb935ee285dd14b71a7488"),
        bytes.fromhex("659ba96c601dc69fc902940805ec0ca8"),
    )
    drbg.generate(128)
    assert drbg.generate(128).hex() == (
        "e528e9abf2dece54d47c7e75e5fe302149f817ea9fb4bee6f4199697d04d5b89"
        "d54fbb978a15b5c443c9ec21036d2460b6f73ebad0dc2aba6e624abf07745bc1"
        "07694bb7547bb0995f70de25d6b29e2d3011bb19d27676c07162c8b5ccde0668"
        "961df86803482cb37ed6d5c0bb8d50cf1f50d476aa0458bdaba806f48be9dcb8"
    )


def test_personalization_separates_streams() -> None:
    one, other = (HmacDrbg(bytes(32), personalization=name) for name in (b"a", b"b"))
    assert one.generate(16) != other.generate(16)


def test_below_is_even_and_in_range() -> None:
    drbg = HmacDrbg(bytes(32))
    counts = Counter(drbg.below(3) for _ in range(3000))
    assert sorted(counts) == [0, 1, 2]
    assert all(abs(count - 1000) < 150 for count in counts.values())


@pytest.mark.parametrize("bound", [0, -1])
def test_below_refuses_an_empty_range(bound: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        HmacDrbg(bytes(32)).below(bound)


def test_generate_refuses_more_than_one_request_allows() -> None:
    with pytest.raises(ValueError, match="65536 bytes"):
        HmacDrbg(bytes(32)).generate(65537)


def test_reseed_changes_the_stream() -> None:
    kept, mixed = HmacDrbg(bytes(32)), HmacDrbg(bytes(32))
    mixed.reseed(b"more")
    assert kept.generate(8) != mixed.generate(8)
    assert HmacDrbg(bytes(32)).generate(8, b"x") != HmacDrbg(bytes(32)).generate(8)
