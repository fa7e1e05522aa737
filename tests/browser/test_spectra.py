"""Spectra in the browser: an upload that meets trouble, the fit by keyboard, every page sound and small."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from sessions.mrs import simulate_functional
from sessions.services.upload_rules import too_large
from tests.browser.conftest import DESKTOP, Portal
from tests.browser.test_frame import LIMIT_BYTES, page_bytes

TABLET = {"width": 820, "height": 1180}
PATIENCE_MS, ASKED_EVERY_MS = 120_000, 2_000


@pytest.fixture
def analyst(sign_in: Callable[..., Page]) -> Page:
    return sign_in("imaging")


@pytest.fixture
def upload_page(portal: Portal, analyst: Page) -> Page:
    """Return the upload page of a held session."""
    analyst.goto(f"{portal.web}/participants/KX-001/sessions/1/uploads/")
    return analyst


@pytest.fixture
def large(tmp_path: Path) -> Iterator[Path]:
    """Return a file of three pieces under a name that only a scanner could give."""
    path = tmp_path / "KX #1 ü (copy).dat"
    with path.open("wb") as file:
        for _ in range(40):
            file.write(os.urandom(1024 * 1024))
    yield path
    path.unlink()


def fit_page(portal: Portal, page: Page) -> str:
    """Open the first fit that waits for review, once the demo's first is there; return its address."""
    link = page.locator("a", has_text="Review").first
    for _ in range(PATIENCE_MS // ASKED_EVERY_MS):
        page.goto(f"{portal.web}/spectra/")
        with contextlib.suppress(PlaywrightTimeout):
            link.wait_for(timeout=ASKED_EVERY_MS)
            break
    link.click()
    page.wait_for_load_state("networkidle")
    return page.url


def test_an_upload_survives_an_ended_session_and_a_broken_connection(
    portal: Portal, upload_page: Page, large: Path, check_axe: Callable[[Page], None]
) -> None:
    page = upload_page
    page.watch.expected_statuses = {401, 403}
    sent: list[str] = []

    def troubled(route: Route) -> None:
        """End the session before the second piece, break the connection at the third, each once."""
        if route.request.method != "PATCH":
            route.continue_()
            return
        sent.append(route.request.headers["upload-offset"])
        if len(sent) == 2:
            page.context.clear_cookies()
        if len(sent) == 4:
            page.watch.complaints.clear()
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(re.compile(r"/uploads/[0-9a-f-]+/$"), troubled)
    page.set_input_files("[name=file]", large)
    page.locator(".send button").click()
    password = page.locator("#again-password")
    expect(password).to_be_visible(timeout=PATIENCE_MS)
    check_axe(page)
    password.fill("not the password")
    password.press("Enter")
    expect(page.locator("#again .errmsg")).to_contain_text("does not match")
    password.fill(portal.password)
    password.press("Enter")
    page.wait_for_url("**/spectra/**", timeout=PATIENCE_MS)
    assert sent == ["0", "16777216", "16777216", "33554432", "33554432"]
    page.watch.complaints = [one for one in page.watch.complaints if "ERR_CONNECTION_RESET" not in one]
    portal.states.clear()


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(upload_page: Page, tmp_path: Path) -> None:
    path, asked = tmp_path / "two gigabytes and a byte.dat", []
    with path.open("wb") as file:
        file.truncate(2 * 1024**3 + 1)
    upload_page.on("request", lambda request: asked.append(request.method))
    upload_page.set_input_files("[name=file]", path)
    upload_page.get_by_role("button", name="Upload", exact=True).click()
    expect(upload_page.locator(".send [role=status]")).to_have_text(too_large())
    assert "POST" not in asked
    expect(upload_page.get_by_role("button", name="Upload", exact=True)).to_be_enabled()


def test_a_spectrum_comes_back_with_its_verdict_and_a_duplicate_is_recognised(
    portal: Portal, upload_page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "scan.nii.gz"
    path.write_bytes(simulate_functional([1.2], seed=77))
    page = upload_page
    for _ in range(2):
        page.goto(f"{portal.web}/participants/KX-001/sessions/1/uploads/")
        page.set_input_files("[name=file]", path)
        page.locator(".send button").click()
        page.wait_for_url("**/spectra/**", timeout=PATIENCE_MS)
    expect(page.locator(".banner")).to_contain_text("This file was here already; nothing was added.")
    expect(page.locator(".verdict")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator(".verdict .sub")).to_contain_text("after the upload's last byte")
    page.goto(f"{portal.web}/participants/KX-001/sessions/1/")
    assert page.locator("section[aria-labelledby=spectra-title] tbody tr", has_text="Metabolite").count() >= 1


def test_the_fit_is_read_by_keyboard(portal: Portal, analyst: Page) -> None:
    fit_page(portal, analyst)
    plot = analyst.locator(".fitplot")
    expect(plot.locator(".plot-container")).to_be_visible()

    def shown() -> list[str]:
        return plot.evaluate("plot => plot.data.map(trace => trace.name)")

    def span() -> list[float]:
        return plot.evaluate("plot => plot.layout.xaxis.range.map(value => Math.round(value * 100) / 100)")

    before = shown()
    assert before[:4] == ["Data", "Fit", "Baseline", "Residual"]
    plot.focus()
    for key, name in (("d", "Data"), ("r", "Residual")):
        analyst.keyboard.press(key)
        expect(analyst.locator(f"[data-trace={name.lower()}]")).not_to_be_checked()
        assert name not in shown()
    analyst.keyboard.press("c")
    assert shown() == ["Fit", "Baseline"]
    analyst.keyboard.press("+")
    zoomed = span()
    assert zoomed[0] - zoomed[1] < 3.0
    analyst.keyboard.press("ArrowRight")
    assert span()[0] < zoomed[0]
    analyst.keyboard.press("0")
    assert span() == [4.2, 0.4]
    analyst.locator("details.parts-of summary").click()
    analyst.locator("[data-parts] label", has_text="GABA").locator("input").check()
    assert "GABA" in shown()


@pytest.mark.parametrize("viewport", [DESKTOP, TABLET], ids=["laptop", "tablet"])
def test_every_page_about_a_run_is_sound_and_small(
    viewport: dict[str, int], portal: Portal, sign_in: Callable[..., Page], check_axe: Callable[[Page], None]
) -> None:
    page = sign_in("imaging", viewport=viewport)
    links = page.locator("nav.further a")
    fit = fit_page(portal, page)
    check_axe(page)
    paths = [fit, *(portal.web + path for path in links.evaluate_all("all => all.map(one => one.pathname)"))]
    basis = f"{portal.web}/bases/"
    page.goto(basis)
    paths += [basis, page.locator("table a").first.evaluate("link => link.href"), f"{portal.web}/files/"]
    paths += [f"{portal.web}/participants/KX-001/sessions/1/uploads/"]
    for path in (one for one in paths if not one.endswith(".zip")):
        page.watch.transferred()
        answer = page.goto(path)
        page.wait_for_load_state("networkidle")
        assert answer.status == 200, path
        assert page_bytes(page) < LIMIT_BYTES, path
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{path} scrolls sideways"
        check_axe(page)


def test_a_basis_set_is_drawn(portal: Portal, analyst: Page, check_axe: Callable[[Page], None]) -> None:
    analyst.goto(f"{portal.web}/bases/")
    analyst.locator("table a").first.click()
    draw = analyst.locator("button", has_text="Draw its spectra")
    if draw.count():
        draw.click()
    expect(analyst.locator(".minis polyline").first).to_be_visible(timeout=PATIENCE_MS)
    told = analyst.locator("#parts").inner_text()
    assert told == f"{analyst.locator('.minis polyline').count()} spectra, 4.2 to 0.2 ppm"
    check_axe(analyst)
