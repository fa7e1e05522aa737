"""The key ceremony: any two of three shares restore the key, one tells nothing, and each mistake is told."""

import io
import itertools
import os
import re
import secrets
import stat
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, connection, transaction
from pypdf import PdfReader
from shamir_mnemonic import generate_mnemonics
from shamir_mnemonic.share import Share
from shamir_mnemonic.wordlist import WORDLIST

from sessions.allocation import ceremony
from sessions.allocation.key_models import KeyRestoreTest, KeyShareSet
from sessions.allocation.key_shares import KeyShare, combine, read_share, split
from sessions.allocation.models import ListSlot
from sessions.allocation.sealing import fingerprint, make_key_pair, public_of, unseal_with
from sessions.allocation.services import slot_info
from sessions.management.commands import vault_keys
from studyportal.audit.models import Event
from studyportal.errors import BlindingViolation, InvalidInput, InvalidState, NotPermitted
from tests.conftest import standing_at
from tests.factories import journey
from tests.factories.world import World

NAMES = ["Ada Example", "Ben Example", "Cy Example"]
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def shares() -> list[KeyShare]:
    return split(KEY)


# --- shares -----------------------------------------------------------------------------------------------------------


def test_every_pair_restores_the_key_in_either_order(shares) -> None:
    for pair in itertools.permutations(shares, 2):
        assert combine(pair) == KEY
    assert [share.place for share in shares] == [1, 2, 3]
    assert {len(share.words) for share in shares} == {33}


def test_one_share_restores_nothing_and_says_nothing_of_the_key(shares) -> None:
    with pytest.raises(InvalidInput, match=r"restored from 2 shares; 1 came\. One share alone tells nothing"):
        combine(shares[:1])
    # The same place of the same key has other words in each set, and the key's bytes stand in none.
    seen = [Share.from_mnemonic(split(KEY)[0].text).value for _ in range(8)]
    assert len(set(seen)) == 8
    assert KEY not in seen


def test_a_share_is_read_with_numbers_commas_and_capitals(shares) -> None:
    typed = ", ".join(f"{at}. {word.upper()}" for at, word in enumerate(shares[1].words, start=1))
    assert read_share(typed) == shares[1]


def test_every_damaged_word_is_refused(shares) -> None:
    """Each of the 33 words exchanged for another one of the list."""
    words = shares[0].words
    for place, word in enumerate(words):
        other = WORDLIST[(WORDLIST.index(word) + 1 + secrets.randbelow(1023)) % 1024]
        with pytest.raises(InvalidInput, match="This share is damaged: a word was misread"):
            read_share(" ".join([*words[:place], other, *words[place + 1 :]]))


def test_two_exchanged_words_are_refused(shares) -> None:
    words = list(shares[0].words)
    at = next(at for at in range(32) if words[at] != words[at + 1])
    words[at], words[at + 1] = words[at + 1], words[at]
    with pytest.raises(InvalidInput, match="damaged"):
        read_share(" ".join(words))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda w: [w[0] + "x", *w[1:]], r"Word 1, «\w+x», is not in the list of words. Is it «\w+»\? Type it again"),
        (lambda w: [*w[:5], "qqqqqqqq", *w[6:]], r"Word 6, «qqqqqqqq», is not in the list of words. Type it again"),
        (lambda w: w[:-1], "A share has 33 words, and 32 were typed"),
        (lambda w: [*w, w[0]], "A share has 33 words, and 34 were typed"),
        (lambda w: [], "A share has 33 words, and 0 were typed"),
    ],
)
def test_a_mistyped_share_is_told_by_its_word(shares, change, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_share(" ".join(change(list(shares[0].words))))


def test_mixed_or_doubled_shares_are_told_apart(shares) -> None:
    other = split(KEY)
    with pytest.raises(InvalidInput, match=f"different sets: {shares[0].set_number} and {other[1].set_number}"):
        combine([shares[0], other[1]])
    with pytest.raises(InvalidInput, match=r"Both are share 1\. The second share must come from another holder"):
        combine([shares[0], shares[0]])


def test_words_of_another_scheme_and_shares_that_only_look_alike_are_refused(shares) -> None:
    (texts,) = generate_mnemonics(1, [(3, 5)], KEY)
    with pytest.raises(InvalidInput, match="something else than a share"):
        read_share(texts[0])
    other = split(bytes(32))[1]
    forged = KeyShare(shares[0].set_number, other.place, other.words)
    with pytest.raises(InvalidInput, match="do not belong together"):
        combine([shares[0], forged])


# --- issue, prove, restore --------------------------------------------------------------------------------------------


@pytest.fixture
def _vault(db):
    with standing_at("vault"):
        yield


@pytest.mark.usefixtures("_vault")
def test_every_pair_of_an_issue_opens_really_sealed_slots_and_is_recorded(world: World) -> None:
    with standing_at("web"):
        journey.activate_list(world, slots_per_stratum=2)
    issued = ceremony.issue(holders=NAMES, issued_by="Dee Example")
    assert str(issued.share_set) == f"share set {issued.shares[0].set_number}"
    slot = ListSlot.objects.select_related("stratum").first()
    place = slot_info(slot.stratum.list_id, slot.stratum.key, slot.ordinal, slot.number)
    for first, second in itertools.combinations(issued.shares, 2):
        private = ceremony.restored([first, second], known=ceremony.present_set())
        assert private == ceremony.installed_key()
        assert unseal_with(private, bytes(slot.sealed), place)[32:] in {b"AB", b"BA"}
        done = ceremony.prove_restore([first, second], tested_by="Dee Example")
        assert (done.holders, done.slots_opened) == ([NAMES[first.place - 1], NAMES[second.place - 1]], 3)
        assert str(done).startswith("restore test 20")
    events = list(Event.objects.order_by("at").values_list("name", flat=True))
    assert events.count("key shares issued") == 1
    assert events.count("key restore tested") == 3
    told = " ".join(str(event.data) for event in Event.objects.all())
    assert not any(word in told.split() for share in issued.shares for word in share.words[:1])


@pytest.mark.usefixtures("_vault")
def test_a_later_set_makes_the_earlier_one_void() -> None:
    first = ceremony.issue(holders=NAMES, issued_by="Dee Example")
    second = ceremony.issue(holders=["Eve Example", *NAMES[:2]], issued_by="Dee Example")
    assert first.share_set.number != second.share_set.number
    with pytest.raises(
        InvalidInput, match=rf"Set {first.share_set.number} was replaced by set {second.share_set.number}"
    ):
        ceremony.prove_restore(first.shares[:2], tested_by="Dee Example")
    assert KeyRestoreTest.objects.count() == 0
    ceremony.prove_restore(second.shares[1:], tested_by="Dee Example")
    assert KeyRestoreTest.objects.get().holders == ["Ada Example", "Ben Example"]


@pytest.mark.usefixtures("_vault")
def test_shares_of_another_key_are_refused_by_fingerprint(shares) -> None:
    with pytest.raises(InvalidInput, match=f"restore the key {fingerprint(public_of(KEY))}, but this vault seals to"):
        ceremony.restored(shares[:2])
    with pytest.raises(InvalidState, match="No shares of this key were issued"):
        ceremony.prove_restore(shares[:2], tested_by="Dee Example")


@pytest.mark.usefixtures("_vault")
def test_an_altered_test_slot_or_a_moved_slot_is_told() -> None:
    issued = ceremony.issue(holders=NAMES, issued_by="Dee Example")
    known = issued.share_set
    KeyShareSet.objects.create(
        number=known.number + 40_000, fingerprint=known.fingerprint, holders=NAMES, test_blob=known.test_blob,
        test_sha256=known.test_sha256, issued_by="x",
    )  # fmt: skip
    moved = [KeyShare(share.set_number, share.place, share.words) for share in issued.shares[:2]]
    with pytest.raises(InvalidInput, match="was replaced by set"):
        ceremony.prove_restore(moved, tested_by="Dee Example")


@pytest.mark.usefixtures("_vault")
def test_a_test_slot_that_holds_something_else_fails_the_proof(monkeypatch) -> None:
    monkeypatch.setattr(ceremony.secrets, "token_bytes", lambda size: b"x" * size)
    issued = ceremony.issue(holders=NAMES, issued_by="Dee Example")
    monkeypatch.undo()
    monkeypatch.setattr(ceremony, "present_set", lambda: issued.share_set)
    issued.share_set.test_sha256 = "0" * 64
    with pytest.raises(BlindingViolation, match="The test slot was altered"):
        ceremony.prove_restore(issued.shares[:2], tested_by="Dee Example")


@pytest.mark.usefixtures("_vault")
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (NAMES[:2], "Name 3 holders, with --holder each; 2 were named"),
        ([*NAMES[:2], " "], "Give each holder's full name"),
        ([*NAMES[:2], "x" * 81], "of at most 80 letters"),
        ([*NAMES[:2], "ada  EXAMPLE"], "three different people"),
    ],
)
def test_holders_are_three_named_people(names: list[str], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        ceremony.issue(holders=names, issued_by="Dee Example")
    assert KeyShareSet.objects.count() == 0


@pytest.mark.usefixtures("_vault")
def test_a_vault_whose_key_is_missing_or_of_another_pair_issues_nothing(settings, tmp_path: Path) -> None:
    make_key_pair(tmp_path / "other", tmp_path / "other_public")
    settings.PORTAL_VAULT_KEY_FILE = tmp_path / "other"
    with pytest.raises(InvalidState, match="does not belong to the public key"):
        ceremony.issue(holders=NAMES, issued_by="Dee Example")
    settings.PORTAL_VAULT_KEY_FILE = tmp_path / "absent"
    with pytest.raises(InvalidState, match="There is no private key at"):
        ceremony.issue(holders=NAMES, issued_by="Dee Example")
    settings.PORTAL_VAULT_PUBLIC_KEY_FILE = tmp_path / "absent"
    with pytest.raises(InvalidState, match="There is no public key at"):
        ceremony.present_set()


@pytest.mark.usefixtures("_vault")
def test_who_holds_what_is_written_once(world: World) -> None:
    ceremony.issue(holders=NAMES, issued_by="Dee Example")
    for statement in ("UPDATE alloc.key_share_set SET number = 1", "DELETE FROM alloc.key_share_set"):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)


@pytest.mark.usefixtures("_vault")
def test_the_start_page_tells_holders_and_whether_the_test_is_overdue(world: World, client_for) -> None:
    def page() -> str:
        return client_for(world.pharmacist, "vault").get("/").content.decode()

    assert "No shares of the vault's key are issued" in page().replace("&#x27;", "'")
    issued = ceremony.issue(holders=NAMES, issued_by="Dee Example")
    assert "never tested" in page()
    ceremony.prove_restore(issued.shares[:2], tested_by="Dee Example")
    text = page()
    assert "Restore tested on" in text
    assert "Ada Example, Ben Example, Cy Example" in text
    assert "overdue" not in text
    with pytest.raises(NotPermitted):
        ceremony.key_status(world.coordinator, world.study)
    status = ceremony.key_status(world.pharmacist, world.study)
    assert (status.is_overdue, status.share_set) == (False, issued.share_set)
    with time_machine.travel(status.last_test.tested_at + ceremony.DUE_AFTER, tick=False):
        assert not ceremony.status_now().is_overdue
    with time_machine.travel(status.last_test.tested_at + ceremony.DUE_AFTER * 1.001, tick=False):
        assert ceremony.status_now().is_overdue


# --- the command ------------------------------------------------------------------------------------------------------


class Printer(StringIO):
    """The operator's output; each sheet is read off its path while it is there, as a printer would."""

    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[tuple[Path, str, int]] = []

    def write(self, text: str) -> int:
        """Keep the text, and read the sheet that it names."""
        if found := re.search(r"(/\S+\.pdf)", text):
            path = Path(found[1])
            page = PdfReader(io.BytesIO(path.read_bytes())).pages[0].extract_text()
            self.sheets.append((path, page, stat.S_IMODE(path.stat().st_mode)))
        return super().write(text)


def words_of(page: str) -> str:
    numbered = re.findall(r"(?m)^\s*(\d{1,2})\s*\n?\s*([a-z]+)\s*$", page) or re.findall(
        r"(\d{1,2})\s+([a-z]{4,8})\b", page
    )
    found = {int(number): word for number, word in numbered if word in WORDLIST}
    return " ".join(found[at] for at in sorted(found))


def run(action: str, typed: str = "", *arguments: str, out: StringIO | None = None) -> str:
    out = out or StringIO()
    import sys

    before, sys.stdin = sys.stdin, StringIO(typed)
    try:
        call_command("vault_keys", action, *arguments, stdout=out)
    finally:
        sys.stdin = before
    return out.getvalue()


def issue_on_paper(tmp_path: Path) -> Printer:
    printer = Printer()
    holders = [part for name in NAMES for part in ("--holder", name)]
    run("shares", "\n\n\n", *holders, "--by", "Dee Example", "--folder", str(tmp_path), out=printer)
    return printer


@pytest.mark.usefixtures("_vault")
def test_the_sheets_are_printed_one_by_one_and_are_gone_afterwards(tmp_path: Path) -> None:
    printer = issue_on_paper(tmp_path)
    assert len(printer.sheets) == 3
    for name, (path, page, mode) in zip(NAMES, printer.sheets, strict=True):
        assert name in page
        assert "this one alone opens nothing" in " ".join(page.split())
        assert mode == 0o600
        assert not path.exists()
        assert len(words_of(page).split()) == 33
    assert list(tmp_path.iterdir()) == []
    said = printer.getvalue()
    assert not [word for _, page, _ in printer.sheets for word in words_of(page).split()[4:8] if f" {word} " in said]
    pair = "\n".join(words_of(page) for _, page, _ in printer.sheets[1:]) + "\n"
    told = run("test-restore", pair, "--by", "Dee Example")
    assert "restored in memory from the shares of Ben Example and Cy Example" in told
    told = run("status")
    assert (
        f"Restore last tested: {KeyRestoreTest.objects.get().tested_at:%-d %b %Y}, Ben Example and Cy Example" in told
    )


@pytest.mark.usefixtures("_vault")
def test_a_lost_key_is_restored_from_two_sheets_and_never_overwritten(tmp_path: Path, settings) -> None:
    printer = issue_on_paper(tmp_path)
    key = ceremony.installed_key()
    pair = "\n".join(words_of(page) for _, page, _ in printer.sheets[:2]) + "\n"
    with pytest.raises(CommandError, match=r"There is a key at .* already\. Nothing was asked or written"):
        run("restore", pair)
    told = run("restore", pair, "--to", str(tmp_path / "key"))
    assert "Start the vault, then issue new shares" in told
    assert (tmp_path / "key").read_bytes() == key
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    with pytest.raises(InvalidState, match="There is a key at"):
        ceremony.restore_to([read_share(line) for line in pair.splitlines()], tmp_path / "key")


@pytest.mark.usefixtures("_vault")
def test_without_a_database_the_public_key_alone_says_whether_it_is_right(tmp_path: Path, monkeypatch) -> None:
    pair = "\n".join(share.text for share in split(ceremony.installed_key())[:2]) + "\n"

    def down() -> None:
        raise OperationalError

    monkeypatch.setattr(ceremony, "present_set", down)
    run("restore", pair, "--to", str(tmp_path / "key"))
    assert (tmp_path / "key").read_bytes() == ceremony.installed_key()
    with pytest.raises(CommandError, match="The database does not answer"):
        run("test-restore", pair, "--by", "Dee Example")


@pytest.mark.usefixtures("_vault")
def test_a_mistake_is_asked_for_again_and_the_third_one_ends_it(shares) -> None:
    ceremony.issue(holders=NAMES, issued_by="Dee Example")
    with pytest.raises(CommandError, match="3 were typed"):
        run("test-restore", "acid\nacid acid\nacid acid acid\n", "--by", "Dee Example")
    with pytest.raises(CommandError, match="The input ended"):
        run("test-restore", "acid\n", "--by", "Dee Example")
    with pytest.raises(CommandError, match="Say who runs this"):
        run("test-restore")
    assert KeyRestoreTest.objects.count() == 0


@pytest.mark.usefixtures("_vault")
def test_a_key_is_made_once(tmp_path: Path, settings) -> None:
    settings.PORTAL_VAULT_KEY_FILE = tmp_path / "secrets" / "private"
    settings.PORTAL_VAULT_PUBLIC_KEY_FILE = tmp_path / "secrets" / "public"
    told = run("generate")
    key = (tmp_path / "secrets" / "private").read_bytes()
    assert fingerprint(public_of(key)) in told
    assert "No shares are issued" in run("status")
    with pytest.raises(CommandError, match="Lists may be sealed to it, so nothing was changed"):
        run("generate")
    assert (tmp_path / "secrets" / "private").read_bytes() == key


@pytest.mark.django_db
def test_a_start_does_not_replace_a_lost_key(tmp_path: Path, settings) -> None:
    settings.PORTAL_VAULT_KEY_FILE = tmp_path / "private"
    settings.PORTAL_VAULT_PUBLIC_KEY_FILE = tmp_path / "public"
    (tmp_path / "public").write_bytes(bytes(32))
    with pytest.raises(CommandError, match=r"is missing: restore it with './portal manage vault_keys restore'"):
        call_command("prepare")
    assert [path.name for path in tmp_path.iterdir()] == ["public"]
    assert (tmp_path / "public").read_bytes() == bytes(32)


@pytest.mark.usefixtures("_vault")
def test_status_says_never_and_overdue() -> None:
    ceremony.issue(holders=NAMES, issued_by="Dee Example")
    assert "Restore last tested: never (overdue)" in run("status")


@pytest.mark.django_db
def test_the_blinded_process_is_refused() -> None:
    with pytest.raises(CommandError, match="Only the vault's process does this"):
        run("status")


def test_a_share_lies_in_memory_where_there_is_such_a_folder() -> None:
    assert Path("/dev/shm") == vault_keys.MEMORY
    assert os.access(vault_keys.MEMORY, os.W_OK) or not vault_keys.MEMORY.exists()
