"""A pharmacist in a hurry: one capsule dispensed with keyboard and scanner, and the pages around it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Portal

TABLET = {"width": 820, "height": 1180}


def test_a_capsule_is_dispensed_by_keyboard_and_scanner(
    portal: Portal, sign_in: Callable[..., Page], check_axe: Callable[[Page], None]
) -> None:
    page = sign_in("pharmacist")
    page.watch.expected_statuses = {422}
    page.goto(f"{portal.vault}/kits/")
    expect(page.locator("[name=number]")).to_be_focused()
    page.locator(".queue a").first.press("Enter")
    expect(page.get_by_role("button", name="Pick a kit")).to_be_focused()
    check_axe(page)
    page.keyboard.press("Enter")
    expect(page.locator("[name=scanned]")).to_be_focused()
    number = page.locator(".kitnumber").inner_text()
    page.keyboard.type("K-00000-1\n")
    expect(page.get_by_text("There is no such kit: check the digits.")).to_be_visible()
    expect(page.locator("[name=scanned]")).to_be_focused()
    check_axe(page)
    page.locator("[name=scanned]").fill("")
    page.keyboard.type(number.replace("-", "") + "\n")
    expect(page.locator("[name=password]")).to_be_focused()
    check_axe(page)
    for typed in (portal.password, "pharmacist2"):
        page.keyboard.type(typed)
        page.keyboard.press("Tab")
    page.keyboard.type(portal.password + "\n")
    expect(page.get_by_role("link", name="Print the label (PDF)")).to_be_focused()
    assert page.locator("h1").inner_text().startswith("D-")
    check_axe(page)
    page.goto(f"{portal.vault}/kits/kit/{number}/")
    expect(page.locator("h1 + .govuk-tag")).to_have_text("Dispensed")
    check_axe(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pharmacys_pages_are_sound_on_a_tablet(
    scheme: str, portal: Portal, sign_in: Callable[..., Page], check_axe: Callable[[Page], None]
) -> None:
    for username, paths in (
        ("pharmacist", ("kits/", "kits/books/", "kits/shipments/", "kits/destroy/", "kits/lots/KX-2601/")),
        ("unblinded", ("kits/", "kits/supply/", "kits/shipments/new/", "kits/recall/")),
    ):
        page = sign_in(username, scheme=scheme, viewport=TABLET)
        for path in paths:
            assert page.goto(f"{portal.vault}/{path}").status == 200
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
            check_axe(page)
