"""The MADRS form in a real browser: keys, autosave, faults of the net and of the session, review and signature."""

import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import REPOSITORY, Portal, axe_violations, portal_environment

INTERVIEWS = 10
LIMIT_BYTES = 70_000
TABLET, ZOOMED = {"width": 820, "height": 1180}, {"width": 341, "height": 640}


@pytest.fixture(scope="session")
def codes(portal: Portal) -> Iterator[str]:
    """Codes of interviews that nobody has begun."""
    made = subprocess.run(
        [sys.executable, "tests/browser/make_interviews.py", str(INTERVIEWS), portal.password],
        cwd=REPOSITORY, env=portal_environment(portal.data) | {"PORTAL_PROCESS": "web", "PYTHONPATH": "."},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return iter(made.stdout.split())


@pytest.fixture
def begin(portal: Portal, sign_in: Callable[..., Page], codes: Iterator[str]) -> Callable[..., Page]:
    """`begin()`: the form of a fresh interview."""

    def make(**options: object) -> Page:
        page = sign_in("rater", **options)
        page.code = next(codes)
        page.goto(f"{portal.web}/ratings/{page.code}/")
        page.get_by_label("Entered during the interview").check()
        page.get_by_role("button", name="Start interview").click()
        expect(page.locator("#madrs")).to_have_attribute("data-keys", "on")  # the heading stands before the script runs
        return page

    return make


def shown(page: Page) -> str:
    """What the rail shows, one character an item."""
    return "".join(text.strip().replace("–", "-") for text in page.locator(".rail .v").all_inner_texts())


def press(page: Page, digits: str, rng: random.Random | None = None) -> None:
    """Type digits from the first item on, at 0 to 30 ms a key."""
    page.locator("#i1").focus()
    for digit in digits:
        page.keyboard.press(digit)
        if rng and (wait := rng.randint(0, 30)):
            page.wait_for_timeout(wait)


def saved(page: Page) -> None:
    """Wait until nothing waits to be sent."""
    expect(page.locator(".save")).to_have_attribute("data-waiting", "0")
    expect(page.locator(".save span")).to_have_text(re.compile(r"^Saved( \d\d:\d\d:\d\d)?$"))


def test_sixty_random_sequences_rate_what_was_typed(begin: Callable[..., Page]) -> None:
    page = begin()
    rng, sent, wrong = random.Random(20261125), [], []

    def answer(route: Route) -> None:
        changes = route.request.post_data_json["changes"]
        sent.extend(changes)
        accepted = [change["seq"] for change in changes]
        route.fulfill(json={"version": 2, "saved_at": "10:31:00", "accepted": accepted, "others": [], "safety": False})

    page.route("**/changes/", answer)
    for _ in range(60):
        digits = "".join(rng.choice("0123456") for _ in range(10))
        press(page, digits, rng)
        expect(page.locator(".sum")).to_have_text("10 of 10 items done")
        page.evaluate("window.dispatchEvent(new Event('online'))")  # sends what waits now, not 400 ms later
        for _ in range(500):
            if len(sent) >= 10:
                break
            page.wait_for_timeout(10)
        got = {change["item"]: str(change["value"]) for change in sent if change["field"] == "value"}
        if shown(page) != digits or "".join(got[item] for item in range(1, 11)) != digits or len(sent) != 10:
            wrong.append((digits, shown(page), sent))
        sent = []
        page.reload()
    assert wrong == []


def test_typing_reaches_the_server_and_outlives_a_reload(begin: Callable[..., Page]) -> None:
    page = begin()
    press(page, "3242354335")
    saved(page)
    page.reload()
    assert shown(page) == "3242354335"
    assert page.locator("input:checked").evaluate_all("radios => radios.map(r => r.value).join('')") == "3242354335"


def test_keys_act_only_where_they_should(begin: Callable[..., Page]) -> None:
    page = begin()
    page.locator("#i1").focus()
    page.locator("#i1").evaluate(
        "item => { for (let n = 0; n < 20; n += 1) item.dispatchEvent("
        "new KeyboardEvent('keydown', { key: '4', bubbles: true, cancelable: true, repeat: n > 0 })); }"
    )
    assert shown(page) == "4---------"
    page.keyboard.press("n")
    page.keyboard.type("slept 3 of 7 nights, 10 am")
    assert shown(page) == "4---------"
    assert page.get_by_label("Note on item 2").input_value() == "slept 3 of 7 nights, 10 am"
    page.locator("#i2").focus()
    page.keyboard.press("PageDown")
    expect(page.locator("#i3")).to_be_focused()
    page.keyboard.press("PageUp")
    expect(page.locator("#i2")).to_be_focused()
    page.keyboard.press("m")
    page.keyboard.press("5")
    page.get_by_label("Why was item 2 not assessed?").select_option("Participant declined")
    assert shown(page) == "4N/A--------"
    page.locator("#i3").focus()
    for ignored in ("7", "8", "9", "Control+3", "Enter"):
        page.keyboard.press(ignored)
    assert shown(page) == "4N/A--------"
    page.locator("#i4 .opt").nth(6).click()
    assert shown(page) == "4N/A-6------"
    expect(page.locator("#i4 input[value='6']")).to_be_focused()  # a click never moves on
    page.locator("#i2 .opt").nth(1).click()
    assert shown(page) == "41-6------"
    saved(page)
    page.reload()
    assert shown(page) == "41-6------"


def test_offline_answers_wait_and_are_sent_again(begin: Callable[..., Page]) -> None:
    page = begin()
    page.watch.expected_statuses = {0}
    page.route("**/changes/", lambda route: route.abort())
    press(page, "12")
    expect(page.locator(".save span")).to_have_text("Not connected")
    expect(page.locator(".save small")).to_have_text("2 answers waiting on this page, will retry")
    page.watch.complaints[:] = [said for said in page.watch.complaints if "ERR_FAILED" not in said]
    page.unroute("**/changes/")
    page.evaluate("window.dispatchEvent(new Event('online'))")
    saved(page)
    page.reload()
    assert shown(page) == "12--------"


def test_an_ended_session_is_continued_in_place(
    portal: Portal, begin: Callable[..., Page], check_axe: Callable[[Page], None]
) -> None:
    page = begin()
    page.watch.expected_statuses = {401, 403}
    press(page, "1")
    saved(page)
    page.context.clear_cookies()
    page.locator("#i2").focus()
    page.keyboard.press("5")
    expect(page.get_by_role("dialog", name="Sign in again")).to_be_visible()
    expect(page.locator(".save span")).to_have_text("Signed out")
    check_axe(page)
    page.get_by_label("Password of Robin Rater").fill("not it")
    page.get_by_role("button", name="Sign in and save").click()
    expect(page.locator("#again .errmsg")).to_contain_text("The password does not match")
    page.get_by_label("Password of Robin Rater").fill(portal.password)
    page.get_by_role("button", name="Sign in and save").click()
    expect(page.get_by_role("dialog", name="Sign in again")).to_be_hidden()
    saved(page)
    page.reload()
    assert shown(page) == "15--------"
    portal.states.clear()


def test_two_windows_show_both_values_and_the_rater_chooses(
    begin: Callable[..., Page], check_axe: Callable[[Page], None]
) -> None:
    first = begin()
    first.watch.expected_statuses = {412}
    second = first.context.new_page()
    second.goto(first.url)
    press(second, "555")
    saved(second)
    press(first, "5")  # the same value is no conflict, and brings the other items along
    saved(first)
    assert shown(first) == "555-------"
    second.locator("#i2 .opt").nth(6).click()
    second.locator("#i3 .opt").nth(6).click()
    saved(second)
    first.evaluate("for (const n of [2, 3]) document.querySelector(`#i${n} input[value='1']`).click()")
    dialog = first.get_by_role("dialog", name="Changed in another window")
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text("This page: 1")
    expect(dialog).to_contain_text("Other window: 6")
    check_axe(first)
    dialog.get_by_role("group", name="Item 2").get_by_label("This page").check()
    dialog.get_by_role("group", name="Item 3").get_by_label("Other window").check()
    dialog.get_by_role("button", name="Save my choices").click()
    expect(dialog).to_be_hidden()
    saved(first)
    first.reload()
    assert shown(first) == "516-------"


def test_an_interview_from_the_list_to_the_corrected_signature(
    portal: Portal, begin: Callable[..., Page], sign_in: Callable[..., Page], check_axe: Callable[[Page], None]
) -> None:
    page = begin()
    page.watch.expected_statuses = {422}
    check_axe(page)
    press(page, "32423")
    page.get_by_role("button", name="Review and sign").click()
    expect(page.get_by_role("alert")).to_contain_text("Item 10: Suicidal thoughts has no score and no reason")
    expect(page.locator("#errors")).to_be_focused()
    check_axe(page)
    page.get_by_role("link", name="Item 6: Concentration difficulties has no score").click()
    expect(page.locator("#i6")).to_be_focused()
    for digit in "54335":
        page.keyboard.press(digit)
    expect(page.get_by_text("Safety step added.")).to_be_visible()
    check_axe(page)
    page.get_by_role("button", name="Review and sign").click()
    dialog = page.get_by_role("dialog", name="Review and sign")
    assert dialog.locator(".sl b").all_inner_texts() == list("3242354335")
    assert re.fullmatch(r"\d\d:\d\d", dialog.get_by_label("Interview ended").input_value())
    check_axe(page)
    dialog.get_by_label("I have started the safety procedure").check()
    dialog.get_by_label("Password").fill("not it")
    dialog.get_by_role("button", name="Sign MADRS").click()
    expect(dialog.locator(".errmsg")).to_have_text("Enter your own password again.")
    expect(dialog.get_by_label("Password")).to_be_focused()
    expect(dialog.get_by_label("I have started the safety procedure")).to_be_checked()
    check_axe(page)
    dialog.get_by_label("Password").fill(portal.password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="MADRS pre-dose, signed")).to_be_visible()
    expect(page.get_by_text("SHA-256 of what was signed")).to_be_visible()
    check_axe(page)
    page.get_by_role("button", name="Correct a score").click()
    page.get_by_label("Which item is wrong?").select_option(index=4)
    page.get_by_label("What is the right score?").select_option("4")
    page.get_by_label("Why is it corrected?").select_option("Slip of the hand")
    page.get_by_label("What happened, in a sentence").fill("Pressed the wrong key.")
    page.get_by_role("button", name="Correct and sign again").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter your password.")
    check_axe(page)
    page.get_by_label("Your password").fill(portal.password)
    page.get_by_role("button", name="Correct and sign again").click()
    expect(page.get_by_text("Item 4: 2 → 4")).to_be_visible()
    expect(page.get_by_role("heading", name="Voided signature")).to_be_visible()
    page.get_by_role("button", name="The story of each value").click()
    expect(page.get_by_text("After signing")).to_be_visible()
    check_axe(page)
    investigator = sign_in("investigator")
    investigator.goto(f"{portal.web}/ratings/alerts/")
    alert = investigator.locator("form.alert").first
    check_axe(investigator)
    alert.get_by_label("What was done").fill("Seen on the ward; safety plan agreed.")
    alert.get_by_role("button", name="Acknowledge").click()
    expect(investigator.get_by_text("Acknowledged. What was done is on record.")).to_be_visible()


def test_without_javascript_the_form_saves_and_signs(
    portal: Portal, browser: Browser, begin: Callable[..., Page]
) -> None:
    page = begin()
    context = browser.new_context(storage_state=page.context.storage_state(), java_script_enabled=False)
    plain = context.new_page()
    plain.goto(page.url)
    for item in range(1, 11):
        plain.locator(f"#i{item} .opt").nth(2).click()
    plain.get_by_label("Note on item 1", exact=True).fill("typed without a script")
    plain.get_by_label("Interview ended").fill("99")
    plain.get_by_label("Password", exact=True).fill(portal.password)
    plain.get_by_role("button", name="Sign MADRS").click()
    expect(plain.locator("#errors")).to_contain_text("Enter the time on a 24-hour clock, as 10:52, not “99”.")
    expect(plain.locator("input:checked")).to_have_count(10)
    begun = re.search(r"\d\d:\d\d", plain.inner_text(".facts time"))
    plain.get_by_label("Interview ended").fill(begun.group())
    plain.get_by_label("Password", exact=True).fill(portal.password)
    plain.get_by_role("button", name="Sign MADRS").click()
    expect(plain.locator("main")).to_contain_text("typed without a script")
    expect(plain.get_by_role("heading", name="Signature", level=3)).to_have_count(1)
    context.close()


def test_the_form_fits_laptop_tablet_and_zoom(begin: Callable[..., Page], check_axe: Callable[[Page], None]) -> None:
    page = begin()
    page.watch.transferred()
    page.reload()
    page.wait_for_load_state("networkidle")
    assert page.watch.transferred() < LIMIT_BYTES
    page.locator("#i5").focus()
    page.locator("#i5").evaluate("item => item.scrollIntoView({ block: 'start' })")
    rail, bar = page.locator(".rail").bounding_box(), page.locator(".act").bounding_box()
    assert rail["y"] >= 0
    assert rail["y"] + rail["height"] <= bar["y"]
    heights = page.locator(".opt").evaluate_all("rows => [...new Set(rows.map(r => Math.round(r.offsetHeight)))]")
    assert max(heights) - min(heights) <= 1
    assert min(heights) >= 48
    for size in (TABLET, ZOOMED):
        page.set_viewport_size(size)
        check_axe(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        small = page.locator("main a:visible, main button:visible, main .opt, main select:visible").evaluate_all(
            "all => all.filter(e => e.getBoundingClientRect().height < 44).map(e => e.outerHTML)"
        )
        assert small == []


def test_worklist_and_plan_fit_every_size(
    portal: Portal, sign_in: Callable[..., Page], check_axe: Callable[[Page], None]
) -> None:
    for username, path in (
        ("rater", "/ratings/"),
        ("coordinator", "/ratings/plan/"),
        ("coordinator", "/ratings/plan/?show=all"),
    ):
        page = sign_in(username)
        page.goto(portal.web + path)
        for size in (TABLET, ZOOMED):
            page.set_viewport_size(size)
            check_axe(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert axe_violations(page) == []
