"""The data folder: its lock, its secrets, and where sockets and the database cluster live."""

import contextlib
import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ELSEWHERE = "set PORTAL_DATA to another folder"


class StartError(Exception):
    """The portal cannot start; the message is one sentence that says what to do."""


def runtime_folder(data: Path) -> Path:
    """Return the folder of the sockets: short, since a socket's path may have 107 characters at most."""
    digest = hashlib.sha256(str(data).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"portal-{digest}"


def service_user() -> pwd.struct_passwd | None:
    """Return whom PostgreSQL runs as: nobody special, or `postgres`/`nobody` when we are root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise StartError(
        "PostgreSQL does not run as root: create a user named postgres, or start the portal as another user."
    )


def reachable(path: Path) -> bool:
    """Whether any user may pass through every folder above `path`."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def _tree(place: Path) -> Iterator[Path]:
    """Yield a path and all below it."""
    yield place
    if place.is_dir() and not place.is_symlink():
        yield from place.rglob("*")


class DataFolder:
    """One portal's data: locked while in use, secrets readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.secrets = self.path / "secrets"
        self.run = runtime_folder(self.path)
        self._lock: IO[str] | None = None

    @property
    def cluster(self) -> Path:
        """The database cluster: inside the data folder, or outside it where root's database user cannot reach it."""
        if os.geteuid() == 0 and self.path.exists() and not reachable(self.path / "pg"):
            digest = hashlib.sha256(str(self.path).encode()).hexdigest()[:12]
            return Path("/var/lib") / f"portal-{digest}"
        return self.path / "pg"

    def open(self) -> None:
        """Make the folder and take its lock.

        Raises:
            StartError: the folder cannot be written, or another portal uses it.
        """
        try:
            if not self.path.exists():
                self.path.mkdir(parents=True)
                # Root's database user passes through it on the way to its cluster; it reads nothing.
                self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
            for folder in (self.path / "files", self.path / "mail", self.path / "uploads", self.secrets):
                folder.mkdir(exist_ok=True)
            self._lock = (self.path / "lock").open("a+")
        except OSError as error:
            msg = f"The data folder {self.path} cannot be written ({error.strerror}): make it writable, or {ELSEWHERE}."
            raise StartError(msg) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.seek(0)
            holder = self._lock.read().strip() or "unknown"
            self._lock.close()
            self._lock = None
            msg = f"A portal (process {holder}) already uses {self.path}: stop it with 'kill {holder}', or {ELSEWHERE}."
            raise StartError(msg) from None
        self._keep_private()
        self._lock.truncate(0)
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        self.run.mkdir(mode=0o711, exist_ok=True)
        if self.run.stat().st_uid != os.geteuid():
            msg = f"{self.run} belongs to somebody else: remove it, or {ELSEWHERE}."
            raise StartError(msg)
        self.run.chmod(0o711)

    def _keep_private(self) -> None:
        """Take from group and others what lies in the folder but the cluster: also what an older version made."""
        for path in (path for place in self.path.iterdir() if place.name != "pg" for path in _tree(place)):
            with contextlib.suppress(PermissionError):  # somebody else's file in our folder: not ours to change
                mode = path.lstat().st_mode
                if not path.is_symlink() and mode & 0o077:
                    path.chmod(mode & 0o700)

    def close(self) -> None:
        """Remove the sockets' folder and give the lock back."""
        if self._lock is not None:
            shutil.rmtree(self.run, ignore_errors=True)
            self._lock.close()
            self._lock = None

    def secret(self, name: str) -> str:
        """Return a secret, made at first use."""
        path = self.secrets / name
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(48))
        return path.read_text()
