"""Every page of the navigation, for each role, at both doors: it answers, is accessible, light, and small."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from studyportal.demo.design import ACCOUNTS
from tests.browser.conftest import Portal

LIMIT_BYTES = 120_000
CHARTS = "plotly-basic"


def page_bytes(page: Page) -> int:
    """Bytes of what was loaded, charts' library left out."""
    page.watch.requests = [request for request in page.watch.requests if CHARTS not in request.url]
    return page.watch.transferred()


@pytest.mark.parametrize("username", [account.username for account in ACCOUNTS])
def test_every_page_of_the_navigation_is_sound(
    username: str,
    portal: Portal,
    sign_in: Callable[..., Page],
    open_page: Callable[..., Page],
    check_axe: Callable[[Page], None],
) -> None:
    base = portal.url(username)
    page = sign_in(username)
    links = page.locator("nav.nav a").evaluate_all("links => links.map(link => link.pathname)")
    for path in ["/", *links]:
        page = open_page(state=portal.states[base, username])  # with an empty cache, so that all bytes are counted
        answer = page.goto(base + path)
        page.wait_for_load_state("networkidle")
        assert answer.status == 200, path
        assert page_bytes(page) < LIMIT_BYTES, path
        assert page.locator("h1").count() == 1, path
        check_axe(page)


def test_the_sign_in_page_is_sound_at_both_doors(
    portal: Portal, open_page: Callable[..., Page], check_axe: Callable[[Page], None]
) -> None:
    for base in (portal.web, portal.vault):
        page = open_page()
        answer = page.goto(base)
        page.wait_for_load_state("networkidle")
        assert (answer.status, page.url.split("?")[0]) == (200, f"{base}/account/login/")
        assert page_bytes(page) < LIMIT_BYTES
        check_axe(page)


def test_a_wrong_password_is_refused_with_a_sentence_and_the_name_is_kept(
    portal: Portal, open_page: Callable[..., Page], check_axe: Callable[[Page], None]
) -> None:
    page = open_page()
    page.goto(f"{portal.web}/account/login/")
    page.locator("[name=login]").fill("monitor")
    page.locator("[name=password]").fill("not the password")
    page.locator("main form button:not([type=button])").first.click()
    expect(page.locator(".govuk-error-summary")).to_have_count(1)
    assert "/account/login" in page.url
    assert page.locator("[name=login]").input_value() == "monitor"
    check_axe(page)


def test_the_vault_asks_for_the_second_factor(portal: Portal, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(f"{portal.vault}/account/login/")
    page.locator("[name=login]").fill("unblinded")
    page.locator("[name=password]").fill(portal.password)
    page.locator("main form button:not([type=button])").first.click()
    expect(page).to_have_url(re.compile("/2fa/authenticate/"))
    page.goto(f"{portal.vault}/report/")
    assert "/2fa/authenticate/" in page.url
    assert page.locator("nav.nav").count() == 0


def test_a_blinded_account_gets_no_further_than_the_vaults_threshold(
    portal: Portal, open_page: Callable[..., Page]
) -> None:
    page = open_page()
    page.goto(f"{portal.vault}/account/login/")
    page.locator("[name=login]").fill("coordinator")
    page.locator("[name=password]").fill(portal.password)
    page.locator("main form button:not([type=button])").first.click()
    expect(page.locator(".govuk-error-summary")).to_contain_text("This account does not open this door.")
    for path in ("/", "/report/", "/lists/", "/log/", "/allocations/"):
        page.goto(portal.vault + path)
        assert "/account/login/" in page.url, path
        assert "Treatment visible" not in page.locator("nav.nav").all_inner_texts(), path


def test_every_page_says_that_the_study_is_synthetic(sign_in: Callable[..., Page]) -> None:
    for username in ("coordinator", "unblinded"):
        page = sign_in(username)
        expect(page.locator("header.top")).to_contain_text("SYNTHETIC")
