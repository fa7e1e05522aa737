"""What lies in a data folder is its owner's alone."""

import os
from pathlib import Path

from studyportal.embedded import folder as module
from studyportal.embedded.folder import DataFolder


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_folder_lets_others_pass_through_at_most(tmp_path: Path) -> None:
    made = DataFolder(tmp_path / "d")
    made.open()
    made.secret("web_secret_key")
    try:
        # Root's database user passes through to its cluster.
        assert mode(made.path) == (0o711 if os.geteuid() == 0 else 0o700)
        inside = {path.relative_to(made.path).as_posix(): mode(path) for path in made.path.rglob("*")}
    finally:
        made.close()
    assert {name for name, held in inside.items() if held & 0o077} <= {"lock"}
    assert {name: held for name, held in inside.items() if name != "lock"} == {
        "files": 0o700, "mail": 0o700, "uploads": 0o700, "secrets": 0o700, "secrets/web_secret_key": 0o600,
    }  # fmt: skip


def test_what_an_older_version_left_open_is_closed_but_the_cluster_is_not_touched(tmp_path: Path) -> None:
    data = tmp_path / "d"
    elsewhere = tmp_path / "elsewhere"
    for path in (data / "mail" / "1.log", data / "web.log", data / "pg" / "base" / "1", elsewhere):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        path.chmod(0o644)
    (data / "mail").chmod(0o755)
    (data / "link").symlink_to(elsewhere)
    made = DataFolder(data)
    made.open()
    made.close()
    assert mode(data / "mail") == 0o700
    assert (mode(data / "mail" / "1.log"), mode(data / "web.log")) == (0o600, 0o600)
    assert mode(data / "pg" / "base" / "1") == 0o644
    assert mode(elsewhere) == 0o644, "a link leads out of the folder"


def test_a_file_that_belongs_to_somebody_else_stays_as_it_is(tmp_path: Path, monkeypatch) -> None:
    data = tmp_path / "d"
    data.mkdir()
    (data / "theirs").write_text("x")
    (data / "theirs").chmod(0o644)
    real = Path.chmod

    def refused(path: Path, number: int) -> None:
        if path.name == "theirs":
            raise PermissionError
        real(path, number)

    monkeypatch.setattr(module.Path, "chmod", refused)
    made = DataFolder(data)
    made.open()
    made.close()
    assert mode(data / "theirs") == 0o644
