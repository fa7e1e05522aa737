"""Originals: deleted, or sealed to a key that the portal does not hold; and what the seal is worth."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from sessions.allocation.sealing import make_key_pair
from sessions.models import StudySession, Upload
from sessions.services import originals, quarantine, store
from studyportal.errors import InvalidInput, InvalidState, NotFound, NotPermitted
from tests.conftest import database_role
from tests.factories import scans
from tests.factories.world import World

pytestmark = pytest.mark.django_db

CONTENT = b"an original with a name in it " * 100


@pytest.fixture
def key(tmp_path: Path, settings) -> Path:
    """Give the installation a quarantine key; return its private half."""
    settings.PORTAL_QUARANTINE_PUBLIC_KEY_FILE = tmp_path / "public"
    make_key_pair(tmp_path / "private", tmp_path / "public")
    return tmp_path / "private"


def test_an_original_is_deleted_unless_the_study_keeps_it(world: World, session: StudySession, key: Path) -> None:
    spectrum = scans.stored(scans.uploaded(world, session, CONTENT))
    upload = Upload.objects.get(pk=spectrum.upload_id)
    assert (upload.removed_at is not None, upload.quarantine_sha256, list(store.parts(upload.pk))) == (True, "", [])
    with pytest.raises(NotFound, match="No original is kept"):
        list(originals.opened(upload=upload, private_key=key.read_bytes()))


def test_a_kept_original_opens_with_its_key_only(world: World, session: StudySession, key: Path, tmp_path) -> None:
    with pytest.raises(NotPermitted):
        originals.decide(study=world.study, keeps=True, by=world.imaging_analyst)
    originals.decide(study=world.study, keeps=True, by=world.administrator)
    world.study.refresh_from_db()
    assert world.study.keeps_originals is True
    spectrum = scans.uploaded(world, session, CONTENT)
    with database_role("portal_worker"):
        scans.stored(spectrum)
    upload = Upload.objects.select_related("session__participant__study").get(pk=spectrum.upload_id)
    assert (upload.removed_at is not None, len(upload.quarantine_sha256), list(store.parts(upload.pk))) == (
        True,
        64,
        [],
    )
    sealed = b"".join(store.pieces_of(store.original_name(upload.pk)))
    assert CONTENT[:30] not in sealed
    out = tmp_path / "out.dat"
    call_command("open_original", str(upload.pk), "--key", str(key), "--out", str(out))
    assert (out.read_bytes(), out.stat().st_mode & 0o777) == (CONTENT, 0o600)
    with pytest.raises(CommandError, match="exists already"):
        call_command("open_original", str(upload.pk), "--key", str(key), "--out", str(out))
    make_key_pair(tmp_path / "other", tmp_path / "other_public")
    with pytest.raises(CommandError, match="does not open"):
        call_command("open_original", str(upload.pk), "--key", str(tmp_path / "other"), "--out", str(tmp_path / "no"))
    assert not (tmp_path / "no").exists()
    with pytest.raises(CommandError, match="no such upload"):
        call_command("open_original", str(session.pk), "--key", str(key), "--out", str(tmp_path / "no"))
    originals.decide(study=world.study, keeps=False, by=world.administrator)
    assert Upload.objects.get(pk=upload.pk).quarantine_sha256 == upload.quarantine_sha256


def test_without_a_key_nothing_is_kept_nor_lost(world: World, session: StudySession, tmp_path, settings) -> None:
    settings.PORTAL_QUARANTINE_PUBLIC_KEY_FILE = tmp_path / "none"
    with pytest.raises(InvalidState, match="no quarantine key"):
        originals.decide(study=world.study, keeps=True, by=world.administrator)
    world.study.keeps_originals = True
    world.study.save()
    spectrum = scans.uploaded(world, session, CONTENT)
    spectrum.status = "stored"
    spectrum.save()
    with pytest.raises(InvalidState, match="no quarantine key"):
        originals.remove_raw(upload=spectrum.upload)
    originals.tidy()
    assert b"".join(store.parts(spectrum.upload_id)) == CONTENT
    settings.PORTAL_QUARANTINE_PUBLIC_KEY_FILE = tmp_path / "public"
    make_key_pair(tmp_path / "private", tmp_path / "public")
    originals.tidy()
    assert (list(store.parts(spectrum.upload_id)), len(Upload.objects.get().quarantine_sha256)) == ([], 64)
    originals.remove_raw(upload=Upload.objects.get())  # once more changes nothing


@pytest.mark.parametrize("size", [0, 1, quarantine.CHUNK_BYTES, quarantine.CHUNK_BYTES + 1, 3 * quarantine.CHUNK_BYTES])
def test_a_seal_survives_any_cutting_into_pieces_and_nothing_else(key: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    sealed = b"".join(quarantine.sealed([content[:7], content[7:]], "label"))
    private = key.read_bytes()

    def opened(whole: bytes, label: str = "label") -> bytes:
        return b"".join(quarantine.opened([whole[:100], whole[100:]], private, label))

    assert opened(sealed) == content
    broken = [
        sealed[:-1],
        sealed + b"x",
        sealed[: len(sealed) // 2],
        sealed.replace(b"portal", b"Portal"),
        b"",
        b"x" * 200,
    ]
    flipped = bytearray(sealed)
    flipped[-1] ^= 1
    for whole in (*broken, bytes(flipped)):
        with pytest.raises(InvalidInput, match="does not open"):
            opened(whole)
    with pytest.raises(InvalidInput, match="does not open"):
        opened(sealed, "another place")
    if size > 2 * quarantine.CHUNK_BYTES:
        head, chunk = len(quarantine.MARK) + quarantine.SEALED_KEY_BYTES, quarantine.CHUNK_BYTES + quarantine.TAG_BYTES
        swapped = (
            sealed[:head]
            + sealed[head + chunk : head + 2 * chunk]
            + sealed[head : head + chunk]
            + sealed[head + 2 * chunk :]
        )
        for whole in (swapped, sealed[: head + 2 * chunk]):
            with pytest.raises(InvalidInput, match="does not open"):
                opened(whole)
