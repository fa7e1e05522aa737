"""The wizard in a real browser: a lost answer, reload, Back and a double click give one number and one receipt."""

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import REPOSITORY, Portal, portal_environment

RECEIPT = re.compile(r"/randomization/$")


@pytest.fixture(scope="module")
def waiting(portal: Portal) -> list[str]:
    """Numbers of participants who wait for randomization."""
    made = subprocess.run(
        [sys.executable, "tests/browser/make_interviews.py", "2", portal.password, "eligible"],
        cwd=REPOSITORY, env=portal_environment(portal.data) | {"PORTAL_PROCESS": "web", "PYTHONPATH": "."},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return made.stdout.split()


def at_the_check(page: Page, portal: Portal, number: str) -> Page:
    """Go through the steps to the password."""
    page.goto(f"{portal.web}/participants/{number}/randomize/")
    page.get_by_role("link", name="Continue").click()
    page.get_by_role("link", name="They are right, continue").click()
    page.locator("[name=password]").fill(portal.password)
    return page


def test_a_lost_answer_reload_and_back_give_the_same_receipt(
    portal: Portal, sign_in: Callable[..., Page], waiting: list[str], check_axe: Callable[[Page], None]
) -> None:
    """Given a randomization whose answer never arrives, when the page is loaded again, then the receipt is there."""
    page = at_the_check(sign_in("coordinator"), portal, waiting[0])
    check_axe(page)
    given = []

    def cut(route: Route) -> None:
        """Let the request arrive, and its answer get lost."""
        answer = route.fetch(max_redirects=0)
        given.append(answer.status)
        route.abort("connectionreset")

    page.watch.complaints.clear()
    page.route("**/randomize/", cut)
    page.get_by_role("button", name=f"Randomize {waiting[0]}").click()
    page.wait_for_url("chrome-error://**")
    assert given == [302]
    page.unroute("**/randomize/")
    page.watch.complaints.clear()  # the browser's own line about the lost answer
    page.reload()
    expect(page).to_have_url(RECEIPT)
    number = page.locator(".rnumber").inner_text()
    assert re.fullmatch(r"R-\d{4}", number)
    check_axe(page)

    page.go_back()
    page.goto(f"{portal.web}/participants/{waiting[0]}/randomize/?step=3")
    expect(page).to_have_url(RECEIPT)
    assert page.locator(".rnumber").inner_text() == number
    page.reload()
    assert page.locator(".rnumber").inner_text() == number
    picture = page.locator(".rcode")
    assert picture.evaluate("image => image.complete && image.naturalWidth > 0")
    document = page.request.get(f"{page.url}receipt.pdf")
    assert (document.status, document.body()[:5]) == (200, b"%PDF-")


def test_a_double_click_and_two_tabs_give_one_number(
    portal: Portal, sign_in: Callable[..., Page], waiting: list[str]
) -> None:
    """Given the same check page in two tabs, when both are sent, then both end at one receipt."""
    first = at_the_check(sign_in("coordinator"), portal, waiting[1])
    second = at_the_check(first.context.new_page(), portal, waiting[1])
    first.get_by_role("button", name=f"Randomize {waiting[1]}").dblclick()
    second.get_by_role("button", name=f"Randomize {waiting[1]}").click()
    for page in (first, second):
        expect(page).to_have_url(RECEIPT)
    assert first.locator(".rnumber").inner_text() == second.locator(".rnumber").inner_text()
    first.goto(f"{portal.web}/messages/")
    expect(first.get_by_role("link", name=waiting[1], exact=True)).to_have_count(1)
