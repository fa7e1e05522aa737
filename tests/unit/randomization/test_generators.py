"""The two generators against published vectors: NIST CAVP for HMAC_DRBG, RFC 8439 for ChaCha20."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20

from sessions.randomization.chacha import ChaChaStream, chacha20_block, quarter_round
from sessions.randomization.drbg import HmacDrbg
from sessions.randomization.generators import Generator, substream
from sessions.randomization.streams import Buffered

VECTORS = Path(__file__).parent / "vectors" / "hmac_drbg_sha256.txt"


def cavp_cases() -> list[dict[str, list[str]]]:
    text = "\n".join(line for line in VECTORS.read_text().splitlines() if not line.startswith("#"))
    cases = []
    for part in text.strip().split("\n\n"):
        case: dict[str, list[str]] = {}
        for line in part.splitlines():
            name, value = line.split(" = ")
            case.setdefault(name, []).append(value)
        cases.append(case)
    return cases


def value(case: dict[str, list[str]], name: str, place: int = 0) -> bytes:
    given = case.get(name, [])
    return bytes.fromhex(given[place]) if place < len(given) else b""


@pytest.mark.parametrize(
    "case", cavp_cases(), ids=lambda case: f"{case['file'][0]} COUNT {case.get('COUNT', ['-'])[0]}"
)
def test_hmac_drbg_gives_the_bits_of_the_cavp_file(case: dict[str, list[str]]) -> None:
    expected = value(case, "ReturnedBits")
    drbg = HmacDrbg(value(case, "EntropyInput"), value(case, "Nonce"), value(case, "PersonalizationString"))
    if "EntropyInputReseed" in case:
        drbg.reseed(value(case, "EntropyInputReseed"), value(case, "AdditionalInputReseed"))
    given = b""
    for call in (0, 1):
        if "EntropyInputPR" in case:
            # SP 800-90A, 9.3.1: with prediction resistance the additional input goes into the reseed.
            drbg.reseed(value(case, "EntropyInputPR", call), value(case, "AdditionalInput", call))
            given = drbg.generate(len(expected))
        else:
            given = drbg.generate(len(expected), value(case, "AdditionalInput", call))
    assert given == expected


def test_the_cavp_cases_are_all_there() -> None:
    assert len(cavp_cases()) == 18


def test_quarter_round_of_rfc_8439_2_1_1() -> None:
    state = [0x11111111, 0x01020304, 0x9B8D6F43, 0x01234567]
    quarter_round(state, 0, 1, 2, 3)
    assert state == [0xEA2A92F4, 0xCB1CF8CE, 0x4581472E, 0x5881C4BB]


KEY_0_31 = bytes(range(32))


@pytest.mark.parametrize(
    ("key", "counter", "nonce", "expected"),
    [
        # Section 2.3.2
        (
            KEY_0_31, 1, "000000090000004a00000000",
            ("10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
            "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e"),
        ),
        # Appendix A.1, test vectors 1 to 5
        (
            bytes(32), 0, "00" * 12,
            ("76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
            "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586"),
        ),
        (
            bytes(32), 1, "00" * 12,
            ("9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
            "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f"),
        ),
        (
            bytes(31) + b"\x01", 1, "00" * 12,
            ("3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
            "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0"),
        ),
        (
            b"\x00\xff" + bytes(30), 2, "00" * 12,
            ("72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca"
            "13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096"),
        ),
        (
            bytes(32), 0, "00" * 11 + "02",
            ("c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7"
            "8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d"),
        ),
    ],
)  # fmt: skip
def test_chacha20_blocks_of_rfc_8439(key: bytes, counter: int, nonce: str, expected: str) -> None:
    assert chacha20_block(key, counter, bytes.fromhex(nonce)).hex() == expected


def test_chacha20_encrypts_the_sunscreen_of_rfc_8439_2_4_2() -> None:
    plain = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
        b"sunscreen would be it."
    )
    nonce = bytes.fromhex("000000000000004a00000000")
    stream = chacha20_block(KEY_0_31, 1, nonce) + chacha20_block(KEY_0_31, 2, nonce)
    assert bytes(one ^ other for one, other in zip(plain, stream, strict=False)).hex() == (
        "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b"
        "f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8"
        "07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736"
        "5af90bbf74a35be6b40b8eedf2785e42874d"
    )


def test_chacha20_equals_the_library_on_a_long_stream() -> None:
    key, nonce = bytes(range(100, 132)), bytes(range(12))
    library = Cipher(ChaCha20(key, (0).to_bytes(4, "little") + nonce), mode=None).encryptor().update(bytes(64 * 50))
    assert b"".join(chacha20_block(key, counter, nonce) for counter in range(50)) == library


@pytest.mark.parametrize(
    ("key", "counter", "nonce"),
    [(bytes(31), 0, bytes(12)), (bytes(32), -1, bytes(12)), (bytes(32), 2**32, bytes(12)), (bytes(32), 0, bytes(8))],
)
def test_chacha20_refuses_other_lengths(key: bytes, counter: int, nonce: bytes) -> None:
    with pytest.raises(ValueError, match="key of 32 bytes"):
        chacha20_block(key, counter, nonce)


def test_a_stream_does_not_depend_on_how_it_is_read() -> None:
    whole = ChaChaStream(bytes(32), b"x").generate(200)
    parts = ChaChaStream(bytes(32), b"x")
    assert b"".join(parts.generate(length) for length in (1, 63, 64, 65, 7)) == whole
    source = ChaChaStream(bytes(32), b"x")
    buffered = Buffered(source, piece_bytes=50)
    assert b"".join(buffered.generate(length) for length in (3, 60, 137)) == whole


@pytest.mark.parametrize("generator", list(Generator))
def test_names_and_seeds_separate_substreams(generator: Generator) -> None:
    drawn = {
        substream(generator, seed, name).generate(32)
        for seed in (bytes(32), bytes(31) + b"\x01")
        for name in ("numbers", "nonces", "stratum:01|F")
    }
    assert len(drawn) == 6
    assert substream(generator, bytes(32), "a").generate(32) == substream(generator, bytes(32), "a").generate(32)


def test_the_streams_stay_as_they_are() -> None:
    """Golden bytes: a change would make every list underivable that was committed before it."""
    seed = bytes(range(32))
    assert substream(Generator.HMAC_DRBG, seed, "golden").generate(16).hex() == "f9badbf478926de4c7219a8d2f28f1eb"
    assert substream(Generator.CHACHA20, seed, "golden").generate(16).hex() == "1c549714ce7ce5c61a5ba3ea849bdfe2"
    for generator, expected in (
        (Generator.HMAC_DRBG, [1, 0, 9, 141, 22165, 3, 5, 2, 0, 11, 6, 1, 4, 8, 7, 10, 9]),
        (Generator.CHACHA20, [1, 2, 4, 14, 8280, 9, 1, 0, 10, 8, 3, 2, 6, 5, 11, 7, 4]),
    ):
        stream = substream(generator, seed, "golden")
        items = list(range(12))
        stream.shuffle(items)
        assert [stream.below(bound) for bound in (2, 3, 10, 257, 65_537)] + items == expected
