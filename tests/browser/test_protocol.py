"""The analysis protocol in a real browser: drafted, the study quantified again, old and new compared."""

import re
import time
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Portal

PATIENCE_SECONDS = 120


def test_a_study_is_quantified_again_under_an_exploratory_version(
    portal: Portal, sign_in: Callable[..., Page], check_axe: Callable[[Page], None]
) -> None:
    page = sign_in("imaging")
    page.watch.expected_statuses.add(422)  # a refused form is no fault
    page.goto(f"{portal.web}/analysis-protocol/draft/")
    check_axe(page)
    page.get_by_label("Baseline flexibility").fill("40")
    page.get_by_label("Why this version is made").fill("How much does the baseline matter?")
    page.get_by_role("button", name="Save version").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter a number from 0.5 to 10.")
    check_axe(page)
    page.get_by_label("Baseline flexibility").fill("4")
    page.get_by_role("button", name="Save version").click()
    expect(page.locator("ins").first).to_have_text("4 effective dimensions per ppm")
    check_axe(page)
    again, deadline = page.get_by_role("button", name=re.compile(r"Quantify \d+ again")), time.monotonic()
    while not again.count() and time.monotonic() < deadline + PATIENCE_SECONDS:  # the demo's spectra come in behind
        page.reload()
    again.click()
    expect(page.locator("#batch progress")).to_be_visible()
    check_axe(page)
    compare = page.get_by_role("link", name="Compare old and new")
    expect(compare).to_be_visible(timeout=1000 * PATIENCE_SECONDS)
    compare.click()
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    expect(page.get_by_role("heading", name="Largest changes")).to_be_visible()
    check_axe(page)
