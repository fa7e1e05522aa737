"""Account, tokens, team and the API's page in a real browser, and the guide's scripts against the running portal."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import REPOSITORY, Portal

GUIDE = REPOSITORY / "docs" / "how-to" / "statisticians.md"


def script(language: str) -> str:
    """Return the guide's script as it stands."""
    return re.search(rf"```{language}\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)[1]


def make_token(portal: Portal, sign_in: Callable[..., Page], username: str) -> tuple[Page, str]:
    page = sign_in(username)
    page.goto(f"{portal.url(username)}/account/tokens/")
    page.locator("[name=name]").fill("R scripts")
    page.get_by_role("button", name="Make token").click()
    return page, page.locator("[data-secret]").input_value()


@pytest.fixture
def token(portal: Portal, sign_in: Callable[..., Page]) -> str:
    return make_token(portal, sign_in, "statistician")[1]


def run(command: list[str], portal: Portal, token: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PORTAL_URL": portal.web, "PORTAL_TOKEN": token}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_the_python_of_the_guide_runs_unchanged(portal: Portal, token: str, tmp_path: Path) -> None:
    (tmp_path / "pull.py").write_text(script("python"))
    ran = run([sys.executable, str(tmp_path / "pull.py")], portal, token)
    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(r"\d+ MADRS totals of [1-9]\d* participants\n", ran.stdout)


def test_the_r_of_the_guide_runs_unchanged(portal: Portal, token: str, tmp_path: Path) -> None:
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("Rscript is not installed: the guide's R was not tried")
    (tmp_path / "pull.R").write_text(script("r"))
    ran = run([rscript, str(tmp_path / "pull.R")], portal, token)
    if "there is no package called" in ran.stderr:
        pytest.skip("R lacks httr2 or readr: the guide's R was not tried")
    assert ran.returncode == 0, ran.stderr
    assert re.search(r"\d+ MADRS totals of [1-9]\d* participants", ran.stdout)


def test_a_token_is_made_copied_and_revoked(portal: Portal, sign_in, check_axe) -> None:
    page, secret = make_token(portal, sign_in, "statistician")
    assert secret.startswith("sp_")
    expect(page.get_by_role("button", name="Copy")).to_be_visible()
    check_axe(page)
    page.goto(f"{portal.web}/account/tokens/")
    assert secret not in page.content()
    page.get_by_role("button", name="Revoke R scripts").first.click()
    expect(page.get_by_text("The token is revoked.")).to_be_visible()
    check_axe(page)


@pytest.mark.parametrize(
    ("username", "path", "heading"),
    [
        ("statistician", "/account/", "Your account"),
        ("statistician", "/account/password/change/", "Change password"),
        ("statistician", "/account/reauthenticate/", "Confirm that it is you"),
        ("statistician", "/account/study/", "Which study do you work on now?"),
        ("statistician", "/account/logout/", "Sign out?"),
        ("admin", "/account/team/", "Team of"),
        ("unblinded", "/account/tokens/", "API tokens"),
    ],
)
def test_account_pages_are_sound(portal: Portal, sign_in, check_axe, username: str, path: str, heading: str) -> None:
    page = sign_in(username)
    assert page.goto(f"{portal.url(username)}{path}").status == 200
    assert heading in page.locator("h1").inner_text()
    assert page.watch.transferred() < 120_000
    check_axe(page)


@pytest.mark.parametrize("username", ["statistician", "unblinded"])
def test_the_page_of_the_api_works_under_the_strict_policy(portal: Portal, sign_in, check_axe, username: str) -> None:
    page = sign_in(username)
    page.goto(f"{portal.url(username)}/api/docs/")
    page.locator(".opblock-summary-path", has_text="madrs_totals").click()
    page.get_by_role("button", name="Try it out").click()
    if username == "unblinded":  # who opens the links says why
        page.locator("tr[data-param-name=reason_code] select").select_option("checking")
        page.locator("tr[data-param-name=reason] input").fill("Trying the page")
    page.get_by_role("button", name="Execute").click()
    page.locator(".live-responses-table").get_by_text("200", exact=True).first.wait_for()
    check_axe(page)
