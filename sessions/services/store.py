"""The content-addressed store: a file's name is the SHA-256 of its bytes, and bytes are compared with it when read.

Raw uploads wait in parts under `incoming/` until the spectrum made from them is stored; a part is named by the offset
at which it begins, so that a part sent again replaces itself. Sealed originals lie under `originals/`, named by their
upload. No path holds a user's file name.
"""

import hashlib
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

from django.core.files import File
from django.core.files.storage import Storage, storages

from studyportal.errors import NotFound

PIECE_BYTES = 1024 * 1024


def put(content: bytes) -> str:
    """Keep bytes; return their SHA-256. The same bytes are kept once."""
    digest = hashlib.sha256(content).hexdigest()
    place, name = _storage(), content_name(digest)
    # A process killed in the middle of a write leaves a shorter file under the right name.
    if not place.exists(name) or place.size(name) != len(content):
        _write(name, content)
    return digest


def get(digest: str) -> bytes:
    """Return kept bytes.

    Raises:
        NotFound: they are not there, or no longer what they were.
    """
    place, name = _storage(), content_name(digest)
    if not digest or not place.exists(name):
        raise NotFound("This file is not in the store.", code="file_missing")
    with place.open(name, "rb") as file:
        content: bytes = file.read()
    if hashlib.sha256(content).hexdigest() != digest:
        raise NotFound(
            "The stored file no longer agrees with its checksum. Tell the study office.", code="file_damaged"
        )
    return content


def put_original(upload_id: uuid.UUID, pieces: Iterable[bytes]) -> str:
    """Keep the sealed original of an upload, streamed over a temporary file; return its SHA-256."""
    digest = hashlib.sha256()
    with tempfile.TemporaryFile() as whole:
        for piece in pieces:
            digest.update(piece)
            whole.write(piece)
        whole.seek(0)
        name = original_name(upload_id)
        _storage().delete(name)
        _storage().save(name, File(whole))
    return digest.hexdigest()


def pieces_of(name: str) -> Iterator[bytes]:
    """Yield the bytes of a stored file, piece by piece.

    Raises:
        NotFound: it is not there.
    """
    place = _storage()
    if not place.exists(name):
        raise NotFound("This file is not in the store.", code="file_missing")
    with place.open(name, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def content_name(digest: str) -> str:
    """Return where bytes of this SHA-256 lie."""
    return f"content/{digest[:2]}/{digest}"


def original_name(upload_id: uuid.UUID) -> str:
    """Return where the sealed original of an upload lies."""
    return f"originals/{upload_id}"


def put_part(upload_id: uuid.UUID, offset: int, content: bytes) -> None:
    """Keep one part of a raw upload, replacing what was sent for this offset before."""
    _write(f"{_incoming(upload_id)}/{offset:015d}", content)


def parts(upload_id: uuid.UUID) -> Iterator[bytes]:
    """Yield the bytes of a raw upload in order, piece by piece."""
    place, folder = _storage(), _incoming(upload_id)
    for name in _part_names(folder):
        with place.open(f"{folder}/{name}", "rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


def digest_of(upload_id: uuid.UUID) -> str:
    """Return the SHA-256 of a raw upload as it lies here."""
    digest = hashlib.sha256()
    for piece in parts(upload_id):
        digest.update(piece)
    return digest.hexdigest()


def copy_upload(upload_id: uuid.UUID, to: Path) -> None:
    """Write a raw upload into a file of the sandbox."""
    with to.open("wb") as file:
        for piece in parts(upload_id):
            file.write(piece)


def drop_upload(upload_id: uuid.UUID) -> None:
    """Delete the parts of a raw upload; harmless when there are none."""
    place, folder = _storage(), _incoming(upload_id)
    for name in _part_names(folder):
        place.delete(f"{folder}/{name}")
    place.delete(folder)


def _part_names(folder: str) -> list[str]:
    """Return the parts' names in order; an object store has no folders, so only the list tells what is there."""
    try:
        return sorted(_storage().listdir(folder)[1])
    except FileNotFoundError:
        return []


def _storage() -> Storage:
    return storages["study_files"]


def _incoming(upload_id: uuid.UUID) -> str:
    return f"incoming/{upload_id}"


def _write(name: str, content: bytes) -> None:
    place = _storage()
    place.delete(name)
    place.save(name, File(BytesIO(content)))
