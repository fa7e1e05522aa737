"""The fit viewer's labels stand apart, whatever the baseline does, and its lines follow the page's colours."""

import json
from collections.abc import Callable
from itertools import pairwise

import pytest
from playwright.sync_api import Page, Route

from tests.browser.conftest import Portal

PAGE = """<!doctype html><html lang="en-GB"><head><title>Fit</title><link rel="stylesheet" href="/static/app.css">
<script defer src="/static/vendor/plotly-basic.js"></script>
<script type="module" src="/static/sessions/fit.js"></script>
</head><body><figure class="fig" data-fit-url="/try/fit.json">{boxes}<div data-parts></div>
<div class="plot fitplot"></div></figure></body></html>""".replace(
    "{boxes}",
    "".join(
        f'<input type="checkbox" data-trace="{name}" checked>'
        for name in ("data", "fit", "baseline", "residual", "components")
    ),
)
NAMES = ("NAA", "Cr", "PCh", "Ins", "Glu", "Gln", "GSH", "MM09")


def curves(baseline: float) -> dict[str, object]:
    ppm = [4.2 - 0.05 * step for step in range(77)]
    flat = [0.0] * len(ppm)
    return {
        "ppm": ppm, "data": [1.0, *flat[1:]], "fit": flat, "residual": flat, "baseline": [baseline] * len(ppm),
        "components": dict.fromkeys(NAMES, flat),
    }  # fmt: skip


def opened(page: Page, portal: Portal, baseline: float) -> None:
    def answer(route: Route) -> None:
        if route.request.url.endswith(".json"):
            route.fulfill(content_type="application/json", body=json.dumps(curves(baseline)))
        else:
            route.fulfill(content_type="text/html", body=PAGE)

    page.route("**/try/**", answer)
    page.goto(f"{portal.web}/try/")
    page.wait_for_selector(".plot .annotation-text")


@pytest.mark.parametrize("baseline", [-0.9, -0.25, 0.0, 0.55, 0.9])
def test_no_label_lies_on_another(portal: Portal, open_page: Callable[..., Page], baseline: float) -> None:
    page = open_page()
    opened(page, portal, baseline)
    boxes = page.locator(".plot .annotation-text").evaluate_all(
        "labels => labels.map(one => { const box = one.getBoundingClientRect(); return [box.top, box.bottom]; })"
    )
    assert len(boxes) == 3 + len(NAMES)
    ordered = sorted(boxes)
    assert [above for above, below in pairwise(ordered) if above[1] > below[0] + 1] == []


def test_lines_follow_the_colour_scheme_and_stay_hidden(portal: Portal, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.emulate_media(color_scheme="light")
    opened(page, portal, 0.0)
    colour = "() => document.querySelector('.plot').data[0].line.color"
    light = page.evaluate(colour)
    page.locator("[data-trace=baseline]").uncheck()
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"before => ({colour})() !== before", arg=light)
    shown = page.evaluate("() => document.querySelector('.plot').data.map((line) => line.name)")
    assert ("Fit" in shown, "Baseline" in shown) == (True, False)
