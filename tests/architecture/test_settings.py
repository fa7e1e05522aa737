"""Production settings: complete or refused by name, and nothing for Django's deployment check to say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from studyportal.settings.required import ALL, REQUIRED, lacking, refuse_half_configured
from studyportal.static_files import HashedStaticFiles

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def complete(tmp_path: Path) -> dict[str, dict[str, str]]:
    """Each process's whole environment."""
    secret = tmp_path / "secret"
    secret.write_text("k3Jd9" * 16)
    values = {
        "DATABASE_URL": "postgresql://postgres:5432/portal", "PORTAL_HOST": "portal.example.org",
        "EMAIL_URL": "smtps://user%40x@mail.example.org:465", "PORTAL_S3_ENDPOINT": "http://store:8333",
        "PORTAL_S3_BUCKET": "study-files",
    }  # fmt: skip
    return {
        process: {"PORTAL_PROCESS": process}
        | {one.name: values.get(one.name, str(secret)) for one in REQUIRED if process in one.processes}
        for process in ALL
    }


def started(environ: dict[str, str], code: str) -> subprocess.CompletedProcess[str]:
    """Run Python under the production settings with this environment and no other."""
    environment = {"PATH": os.environ["PATH"], "PORTAL_DATA": "/nonexistent/data", **environ}
    return subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", code], cwd=ROOT, env=environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("process", sorted(ALL))
def test_each_missing_variable_is_named(complete, process: str) -> None:
    environ = complete[process]
    assert lacking(environ) == []
    needed = [one for one in REQUIRED if process in one.processes]
    assert needed
    for one in needed:
        without = {name: value for name, value in environ.items() if name != one.name}
        assert lacking(without) == [f"{one.name}: {one.meaning}"]
        with pytest.raises(SystemExit, match=f"does not start half-configured(.|\n)*{one.name}"):
            refuse_half_configured(without)


def test_a_secret_file_that_is_missing_or_empty_is_named(complete, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for path in (empty, tmp_path / "gone"):
        (line,) = lacking(complete["web"] | {"WEB_SECRET_KEY_FILE": str(path)})
        assert line.startswith("WEB_SECRET_KEY_FILE:")
        assert line.endswith(f"{path} cannot be read or is empty")


@pytest.mark.parametrize("process", ["", "beat", "WEB"])
def test_an_unknown_process_is_refused(process: str) -> None:
    (line,) = lacking({"PORTAL_PROCESS": process})
    assert line == "PORTAL_PROCESS: which process this is, one of owner, vault, vault_worker, web, worker"


def test_nothing_starts_half_configured(complete) -> None:
    without = {name: value for name, value in complete["web"].items() if name != "EMAIL_URL"}
    refused = started(without, "import studyportal.settings.prod")
    assert refused.returncode == 1
    assert "EMAIL_URL: mail server" in refused.stderr
    assert "Traceback" not in refused.stderr


SHOW = """
import json
from studyportal.settings import prod as s
names = ["SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_AGE",
         "SECURE_HSTS_SECONDS", "ALLOWED_HOSTS", "DEBUG", "PORTAL_REQUIRE_SECOND_FACTOR", "EMAIL_HOST",
         "EMAIL_HOST_USER", "EMAIL_PORT", "EMAIL_USE_SSL", "EMAIL_USE_TLS", "PORTAL_DOOR", "ROOT_URLCONF"]
print(json.dumps({name: getattr(s, name) for name in names} | {"login": s.DATABASES["default"]["USER"],
      "store": s.STORAGES["study_files"]["BACKEND"], "key": len(s.SECRET_KEY)}))
"""


def test_each_door_has_its_own_cookies_login_and_limits(complete) -> None:
    seen = {}
    for door in ("web", "vault"):
        answer = started(complete[door], SHOW)
        assert answer.returncode == 0, answer.stderr
        seen[door] = json.loads(answer.stdout)
        assert seen[door]["SESSION_COOKIE_NAME"] == f"__Host-portal_{door}_session"
        assert seen[door]["CSRF_COOKIE_NAME"] == f"__Host-portal_{door}_csrf"
        assert seen[door]["login"] == f"portal_{door}"
        assert (seen[door]["SESSION_COOKIE_SECURE"], seen[door]["CSRF_COOKIE_SECURE"]) == (True, True)
        assert (seen[door]["DEBUG"], seen[door]["PORTAL_REQUIRE_SECOND_FACTOR"]) == (False, True)
        assert seen[door]["SECURE_HSTS_SECONDS"] == 31_536_000
        assert seen[door]["ALLOWED_HOSTS"] == ["portal.example.org"]
    assert (seen["web"]["SESSION_COOKIE_AGE"], seen["vault"]["SESSION_COOKIE_AGE"]) == (1800, 300)
    mail = [seen["web"][f"EMAIL_{name}"] for name in ("HOST", "PORT", "HOST_USER", "USE_SSL", "USE_TLS")]
    assert mail == ["mail.example.org", 465, "user@x", True, False]
    assert seen["web"]["store"] == "storages.backends.s3.S3Storage"


def test_a_worker_gets_no_key_of_a_door(complete, tmp_path: Path) -> None:
    code = "from studyportal.settings import prod as s; print(s.SECRET_KEY, s.DATABASES['default']['USER'])"
    first, second = (started(complete["worker"], code).stdout.split() for _ in range(2))
    assert first[1] == "portal_worker"
    assert first[0] != second[0]


def test_the_vaults_worker_stands_at_the_vault_without_its_door(complete) -> None:
    code = (
        "from studyportal.settings import prod as s; print(s.PORTAL_DOOR, s.DATABASES['default']['USER'],"
        " s.ALLOWED_HOSTS, s.CELERY_BROKER_URL == '')"
    )
    assert started(complete["vault_worker"], code).stdout.split() == ["vault", "portal_vault", "[]", "True"]
    assert not {name for name in complete["vault_worker"] if "BROKER" in name or "S3" in name or "SECRET_KEY" in name}


@pytest.mark.parametrize("process", ["web", "vault"])
def test_the_deployment_check_finds_nothing(complete, process: str) -> None:
    environ = complete[process] | {"DJANGO_SETTINGS_MODULE": "studyportal.settings.prod"}
    code = (
        "from django.core.management import execute_from_command_line as run;"
        "run(['manage.py', 'check', '--deploy', '--fail-level', 'WARNING'])"
    )
    answer = started(environ, code)
    assert answer.returncode == 0, answer.stderr
    assert "no issues (0 silenced)" in answer.stdout


def test_static_files_are_hashed_and_modules_find_each_other(tmp_path: Path) -> None:
    assert HashedStaticFiles.support_js_module_import_aggregation is True
    target = tmp_path / "static"
    code = (
        "from django.conf import settings; import os, django; django.setup();"
        "settings.STATIC_ROOT = os.environ['TARGET'];"
        # Compressing takes half a minute and is whitenoise's own affair.
        "settings.WHITENOISE_SKIP_COMPRESS_EXTENSIONS = ('js', 'css', 'svg', 'map', 'json', 'txt', 'html');"
        "from django.core.management import call_command; call_command('collectstatic', interactive=False, verbosity=0)"
    )
    environ = {"DJANGO_SETTINGS_MODULE": "studyportal.settings.build", "TARGET": str(target)}
    answer = started(environ, code)
    assert answer.returncode == 0, answer.stderr
    names = json.loads((target / "staticfiles.json").read_text())["paths"]
    hashed = (target / names["app.js"]).read_text()
    assert Path(names["vendor/govuk-frontend.js"]).name in hashed
    assert "'./vendor/govuk-frontend.js'" not in hashed
