"""The production files, judged without a container engine."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from django.core.management import call_command

from sessions.allocation.sealing import PAYLOAD_BYTES
from studyportal.embedded.postgres import binaries
from studyportal.settings.required import REQUIRED

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = ("web", "vault", "vault-worker", "worker", "mailer", "beat", "provision")
BLINDED = ("web", "worker", "mailer", "beat")


def tool(name: str) -> str:
    """Return a tool of the test environment."""
    found = shutil.which(name, path=str(Path(sys.executable).parent))
    assert found, f"{name} is not installed"
    return found


def test_the_compose_file_follows_the_compose_specification() -> None:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")]
    judged = subprocess.run(command, capture_output=True, text=True, check=False)
    assert judged.returncode == 0, judged.stdout


def test_the_dockerfile_passes_its_linter() -> None:
    judged = subprocess.run([tool("hadolint"), str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (judged.returncode, judged.stdout) == (0, "")


def test_the_image_installs_by_hash_and_runs_as_nobody_special() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert "--require-hashes" in text
    last = text.rindex("\nFROM ")
    assert re.search(r"^USER 10001:10001$", text[last:], flags=re.MULTILINE)
    assert text.index("USER 10001") < text.index("\nCMD ")


def test_every_service_that_stays_has_a_health_check_and_bounded_logs() -> None:
    for name, service in SERVICES.items():
        assert service["logging"]["options"]["max-size"], name
        assert service["read_only"] is True, name
        assert "no-new-privileges:true" in service["security_opt"], name
        if name != "provision":
            assert service["healthcheck"]["test"], name
            assert service["restart"] == "unless-stopped", name


def test_our_processes_run_without_any_power() -> None:
    for name in OURS:
        service = SERVICES[name]
        assert service["user"] == "10001:10001", name
        assert service["cap_drop"] == ["ALL"], name
        assert service["tmpfs"] == ["/tmp"], name


def test_only_the_proxy_is_reachable_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert COMPOSE["networks"]["blinded"] == {"internal": True}
    assert COMPOSE["networks"]["unblinded"] == {"internal": True}


def test_the_doors_share_neither_network_secret_nor_broker() -> None:
    assert set(SERVICES["vault"]["networks"]) & set(SERVICES["web"]["networks"]) == {"front"}
    for ours in ("vault", "vault-worker"):
        assert not set(SERVICES[ours]["secrets"]) & {one for name in BLINDED for one in SERVICES[name]["secrets"]}
        assert not [name for name in SERVICES[ours]["environment"] if "BROKER" in name]
    for name in (*BLINDED, "provision"):
        assert not [one for one in SERVICES[name]["secrets"] if one.startswith("vault_")], name


def test_the_vaults_worker_reaches_the_database_and_nothing_else() -> None:
    worker = SERVICES["vault-worker"]
    assert worker["networks"] == ["unblinded"]
    assert [name for name, one in SERVICES.items() if "unblinded" in one["networks"]] == [
        "vault", "vault-worker", "postgres",
    ]  # fmt: skip
    assert set(worker["secrets"]) == set(SERVICES["vault"]["secrets"]) - {"vault_secret_key"}
    pulse = worker["command"][worker["command"].index("--pulse") + 1]
    assert f"find {pulse} -mmin" in worker["healthcheck"]["test"][1]
    assert pulse.startswith("/tmp/")


def test_each_process_gets_what_it_must_have_and_nothing_unknown() -> None:
    sources = [ROOT / "studyportal" / "settings", ROOT / "studyportal" / "management" / "commands" / "provision.py"]
    files = [path for source in sources for path in (source.glob("*.py") if source.is_dir() else [source])]
    known = "".join(path.read_text() for path in files)
    for name in OURS:
        environment = SERVICES[name]["environment"]
        process = environment["PORTAL_PROCESS"]
        assert not {one.name for one in REQUIRED if process in one.processes} - set(environment), name
        for variable, value in environment.items():
            generic = re.fullmatch(r"PORTAL_(OWNER|WEB|WORKER|VAULT|READONLY)_PASSWORD_FILE", variable)
            assert generic or f'"{variable}"' in known, f"{name}: no settings read {variable}"
            if variable.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in SERVICES[name]["secrets"], f"{name}: {variable}"


def test_every_secret_is_a_file_that_the_secrets_command_makes(tmp_path: Path, capsys) -> None:
    folder = tmp_path / "secrets"
    call_command("secrets", str(folder))
    made = {path.name: path.read_bytes() for path in folder.iterdir()}
    used = {one for service in SERVICES.values() for one in service.get("secrets", [])}
    assert used == set(COMPOSE["secrets"])
    # The key that opens originals is mounted nowhere.
    assert {Path(entry["file"]).name for entry in COMPOSE["secrets"].values()} == set(made) - {"quarantine_private_key"}
    assert all(entry["file"].startswith("deploy/secrets/") for entry in COMPOSE["secrets"].values())
    assert len(made["vault_private_key"]) == len(made["vault_public_key"]) == PAYLOAD_BYTES // 2
    password = re.search(r"redis://portal:([^@]+)@redis", made["broker_url"].decode())[1]
    assert f">{password} " in made["broker_users"].decode()
    (identity,) = json.loads(made["s3_users"])["identities"]
    assert identity["credentials"][0]["accessKey"] == made["s3_access_key"].decode()
    assert folder.stat().st_mode & 0o777 == 0o700
    capsys.readouterr()
    call_command("secrets", str(folder))
    assert capsys.readouterr().out == ""
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == made


def test_the_database_has_the_major_version_that_the_suite_runs_on() -> None:
    shown = subprocess.run([binaries() / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    major = re.search(r"\(PostgreSQL\) (\d+)", shown)[1]
    assert SERVICES["postgres"]["image"] == f"postgres:{major}"
    assert SERVICES["redis"]["image"] == "redis:8"


def test_workers_can_be_scaled() -> None:
    assert "container_name" not in SERVICES["worker"]
    assert "ports" not in SERVICES["worker"]


@pytest.mark.parametrize("name", ["PORTAL_HOST", "VAULT_HOST"])
def test_the_proxy_has_one_host_name_a_door(name: str) -> None:
    text = (ROOT / "deploy" / "Caddyfile").read_text()
    door = "web" if name == "PORTAL_HOST" else "vault"
    assert re.search(rf"\{{\${name}\}} \{{[^}}]*reverse_proxy {door}:8000", text)
    assert f"{name}=" in (ROOT / "deploy" / "example.env").read_text()
