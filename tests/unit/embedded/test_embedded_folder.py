"""The data folder: lock, secrets, and sentences that say what to do."""

import os
import pwd
import re
from pathlib import Path

import pytest

from studyportal.embedded import folder as module
from studyportal.embedded import postgres, valkey
from studyportal.embedded.folder import DataFolder, StartError
from studyportal.embedded.postgres import Postgres
from studyportal.embedded.valkey import Valkey


def test_a_second_portal_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    first, second = DataFolder(tmp_path / "d"), DataFolder(tmp_path / "d")
    first.open()
    with pytest.raises(StartError) as refused:
        second.open()
    assert str(refused.value) == (
        f"A portal (process {os.getpid()}) already uses {tmp_path / 'd'}: stop it with 'kill {os.getpid()}', "
        "or set PORTAL_DATA to another folder."
    )
    second.close()
    assert first.run.exists()
    first.close()
    second.open()
    assert (tmp_path / "d" / "lock").read_text() == str(os.getpid())
    second.close()
    assert not second.run.exists()


def test_a_path_that_cannot_be_a_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match=r"The data folder .*/file/d cannot be written \(Not a directory\): make it"):
        DataFolder(tmp_path / "file" / "d").open()


def test_a_folder_of_sockets_that_belongs_to_somebody_else_is_refused(tmp_path: Path, monkeypatch) -> None:
    made = DataFolder(tmp_path / "d")
    monkeypatch.setattr(module.os, "geteuid", lambda: 54321)
    with pytest.raises(StartError, match=f"{re.escape(str(made.run))} belongs to somebody else: remove it, or set"):
        made.open()
    made.close()


def test_secrets_are_made_once_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    made = DataFolder(tmp_path / "d")
    made.open()
    first = made.secret("web_secret_key")
    assert (made.secret("web_secret_key"), len(first)) == (first, 64)
    assert (made.secrets / "web_secret_key").stat().st_mode & 0o777 == 0o600
    assert made.secrets.stat().st_mode & 0o777 == 0o700
    made.close()


def test_socket_paths_are_short_however_long_the_folders_is(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-long-folder-name"] * 12)
    assert len(str(DataFolder(deep).run / "pg" / ".s.PGSQL.5432")) < 107


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    made = DataFolder(tmp_path / "d")
    made.close()
    made.open()
    made.close()
    made.close()


def test_an_ordinary_user_runs_postgresql_as_itself(monkeypatch) -> None:
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    assert module.service_user() is None


def test_root_runs_postgresql_as_somebody_else(monkeypatch) -> None:
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    known = {"nobody": pwd.getpwuid(os.getuid())}
    monkeypatch.setattr(module.pwd, "getpwnam", known.__getitem__)
    assert module.service_user() == known["nobody"]
    known.clear()
    with pytest.raises(StartError, match="PostgreSQL does not run as root: create a user named postgres"):
        module.service_user()


def test_roots_cluster_moves_out_of_a_folder_that_its_user_cannot_reach(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    assert DataFolder(private).cluster.parent == Path("/var/lib")
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    assert DataFolder(private).cluster == private / "pg"


def test_missing_binaries_are_said(monkeypatch) -> None:
    monkeypatch.delenv("PORTAL_PG_BIN", raising=False)
    monkeypatch.setattr(postgres.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StartError, match=r"PostgreSQL's binaries is missing: run \./portal up again"):
        postgres.binaries()
    with pytest.raises(StartError, match=r"Redis-protocol server is missing: run \./portal up again"):
        valkey.binary()


def test_other_binaries_can_be_chosen(monkeypatch) -> None:
    monkeypatch.setenv("PORTAL_PG_BIN", "/opt/postgresql/bin")
    assert postgres.binaries() == Path("/opt/postgresql/bin")


def test_roots_binaries_are_copied_out_of_a_private_home(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.delenv("PORTAL_PG_BIN", raising=False)
    monkeypatch.setattr(postgres.os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres, "reachable", lambda path: False)
    monkeypatch.setattr(postgres.tempfile, "gettempdir", lambda: str(tmp_path))
    assert postgres.binaries() == tmp_path / "portal-pginstall18" / "bin"
    assert (postgres.binaries() / "postgres").exists()


def test_a_cluster_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch) -> None:
    made = DataFolder(tmp_path / "d")
    made.open()
    monkeypatch.setattr(DataFolder, "cluster", tmp_path / "taken")
    made.cluster.mkdir()
    (made.cluster / "somebody's file").write_text("")
    with pytest.raises(StartError, match=r"PostgreSQL could not make its cluster in .*/taken: "):
        Postgres(made).start()
    made.close()


def test_a_stale_lock_of_a_dead_server_is_ignored(tmp_path: Path) -> None:
    cluster = tmp_path / "pg"
    cluster.mkdir()
    Postgres._clear_stale_lock(cluster)
    (cluster / "postmaster.pid").write_text("4194303\n")  # above every process number that is given
    Postgres._clear_stale_lock(cluster)


def test_a_lock_held_by_somebody_elses_process_is_said(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "postmaster.pid").write_text("4321\n")

    def refused(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(postgres.os, "kill", refused)
    with pytest.raises(StartError, match=r"Process 4321 holds the database in .*: stop it, then start again\."):
        Postgres._clear_stale_lock(tmp_path)


def test_a_server_left_by_a_killed_predecessor_is_ended_and_a_broken_one_says_its_last_words(monkeypatch) -> None:
    data = Path(module.tempfile.mkdtemp(prefix="portal-embedded-"))
    data.chmod(0o755)
    made = DataFolder(data)
    made.open()
    try:
        first = Postgres(made, fast=True)
        first.start()
        second = Postgres(made, fast=True)
        second.start()
        assert first.child.wait(10) == 0
        second.stop()
        broken = Postgres(made)
        broken.options = {"no_such_option": "1"}
        with pytest.raises(StartError, match=r"PostgreSQL did not start; its log ends: .*no_such_option"):
            broken.start()
        never = Postgres(made)
        never.stop()
    finally:
        made.close()
        module.shutil.rmtree(data)


def test_a_broker_that_does_not_start_is_said(tmp_path: Path, monkeypatch) -> None:
    made = DataFolder(tmp_path / "d")
    made.open()
    monkeypatch.setattr(valkey, "binary", lambda: Path("/bin/false"))
    broken = Valkey(made)
    with pytest.raises(StartError, match=r"The Redis-protocol server did not start: read .*valkey\.log\."):
        broken.start()
    broken.stop()
    Valkey(made).stop()
    made.close()
