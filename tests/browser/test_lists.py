"""Making a list in the browser: a scheme chosen from the comparison, and the list brought to its opening by two."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Portal

pytestmark = pytest.mark.browser


def test_a_scheme_is_compared_and_chosen(
    portal: Portal, sign_in: Callable[..., Page], check_axe: Callable[[Page], None], screenshot: Callable[..., Path]
) -> None:
    page = sign_in("unblinded")
    page.goto(f"{portal.vault}/lists/compare/")
    page.get_by_label("Quick (250 each)").check()
    page.get_by_role("button", name="Simulate").click()
    expect(page.locator("figure.fig .plot svg.main-svg").first).to_be_visible(timeout=60_000)
    expect(page.locator("#comparison tbody tr")).to_have_count(10)
    check_axe(page)
    screenshot(page, "scheme-comparison")
    page.get_by_role("link", name="Choose Blocks of 4", exact=True).click()
    expect(page.locator("[name=block_sizes]")).to_have_value("4")
    expect(page.locator("[name=block_sizes]")).to_be_visible()
    expect(page.locator("[name=tolerance]")).to_be_hidden()
    check_axe(page)
    page.goto(f"{portal.vault}/lists/design/")
    check_axe(page)


def test_two_people_bring_a_list_to_its_opening(
    portal: Portal, sign_in: Callable[..., Page], check_axe: Callable[[Page], None], screenshot: Callable[..., Path]
) -> None:
    maker = sign_in("unblinded")
    maker.goto(f"{portal.vault}/lists/new/")
    maker.locator("[value=minimization]").check()
    expect(maker.locator("[name=slots_per_stratum]")).to_be_hidden()
    check_axe(maker)
    maker.locator("[value=big_stick]").check()
    maker.get_by_role("button", name="Keep as a draft").click()
    expect(maker.get_by_role("heading", name="Due next: Generate the list")).to_be_visible()
    check_axe(maker)
    maker.get_by_role("button", name="Generate and seal the list").click()
    maker.locator("#accept_password").fill(portal.password)
    check_axe(maker)
    screenshot(maker, "list-acceptance")
    maker.get_by_role("button", name="Sign the acceptance report").click()
    expect(maker.locator(".stages .now")).to_contain_text("Approved")
    second = sign_in("pharmacist")
    second.goto(maker.url)
    second.locator("#approve_password").fill(portal.password)
    second.get_by_role("button", name="Approve the list").click()
    second.locator("#publish_password").fill(portal.password)
    for button in ("Publish the commitment", "Open the list for allocation"):
        second.get_by_role("button", name=button).click()
    expect(second.locator(".stages .done")).to_have_count(6)
    check_axe(second)
    second.goto(f"{portal.vault}/lists/")
    expect(second.locator("tbody tr")).to_have_count(2)
    expect(second.locator("tbody tr").first).to_contain_text(re.compile(r"List 2\s+Active"))
    check_axe(second)
