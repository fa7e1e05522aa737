"""The browser tests' ground: the real portal with the small demo on free ports, and a real Chromium.

One portal for each pytest process; `xdist_group` keeps all browser tests in one of them. A test fails for anything that
the browser's console calls an error, a violated content security policy first of all.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from studyportal.embedded.children import spawn, stop
from studyportal.embedded.folder import DataFolder, runtime_folder

# Playwright keeps an event loop in the main thread; other tests of this process may still use the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

REPOSITORY = Path(__file__).resolve().parents[2]
SCREENS = REPOSITORY / "test-results"
CHROMIUM_FLAGS = (
    "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    # pytest-socket holds this process; this holds the browser.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip
# The first page of a portal that is busy fitting its demo takes its time.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
DESKTOP = {"width": 1366, "height": 768}
VAULT_ACCOUNTS = frozenset({"pharmacist", "pharmacist2", "unblinded", "oncall"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, and keep them together."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


def free_ports(count: int) -> list[int]:
    """Return ports that nobody uses now."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


@dataclass
class Portal:
    """A running portal."""

    data: Path
    web: str
    vault: str
    password: str
    states: dict[tuple[str, str], object] = field(default_factory=dict)

    def url(self, username: str) -> str:
        """Return the door of an account."""
        return self.vault if username in VAULT_ACCOUNTS else self.web

    def code(self, username: str) -> str:
        """Return the six digits that the account's authenticator app shows now."""
        answer = subprocess.run(
            [sys.executable, "manage.py", "code", username],
            cwd=REPOSITORY, env=portal_environment(self.data) | {"PORTAL_PROCESS": "vault"}, capture_output=True,
            text=True, check=True,
        )  # fmt: skip
        return answer.stdout.strip()


def portal_environment(data: Path) -> dict[str, str]:
    """Return an environment without the suite's own settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PORTAL_", "DJANGO_SETTINGS", "PYTEST", "COV_"))}
    return kept | {"PORTAL_DATA": str(data), "DJANGO_SETTINGS_MODULE": "studyportal.settings.dev"}


@contextlib.contextmanager
def running(data: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Run `./portal up` on a data folder until the block ends; yield the process and what it printed."""
    output = data / "up.log"
    environment = portal_environment(data)
    with output.open("wb") as log:
        up = spawn(
            [sys.executable, "-m", "studyportal.embedded", *options], environment=environment, output=log,
            folder=REPOSITORY,
        )  # fmt: skip
    try:
        with output.open() as lines:
            said = ""
            while "Ready after" not in said:
                said += lines.read()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    up.wait(0.1)
                    pytest.fail(f"the portal did not start:\n{said}{lines.read()}")
        yield up, said
    finally:
        stop(up, seconds=30)


@pytest.fixture(scope="session")
def portal() -> Iterator[Portal]:
    """Return the running portal with the small demo."""
    data = Path(tempfile.mkdtemp(prefix="portal-browser-"))
    data.chmod(0o755)  # so that the database's own user reaches its cluster when we are root
    port, vault_port = free_ports(2)
    options = ("--demo", "small", "--port", str(port), "--vault-port", str(vault_port))
    try:
        with running(data, *options):
            yield Portal(
                data, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{vault_port}",
                DataFolder(data).secret("demo_password"),
            )  # fmt: skip
    finally:
        shutil.rmtree(data, ignore_errors=True)
        shutil.rmtree(runtime_folder(data), ignore_errors=True)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Use the system's Chromium where there is one; Playwright's own otherwise."""
    found = os.environ.get("PORTAL_CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None
    )
    return browser_type_launch_args | {"args": list(CHROMIUM_FLAGS)} | ({"executable_path": found} if found else {})


class Watch:
    """What a page loads and complains about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[Request] = []
        self.expected_statuses: set[int] = set()
        page.on("pageerror", lambda error: self.complaints.append(f"script error: {error}"))
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("requestfinished", lambda request: self.requests.append(request))  # noqa: PLW0108 - takes no built-in

    def _hear(self, kind: str, text: str) -> None:
        refused = any(f"status of {status} " in text for status in self.expected_statuses)
        if kind == "error" and not refused:
            self.complaints.append(text)

    def transferred(self) -> int:
        """Return the bytes of everything loaded since the last call, bodies as they travelled."""
        total = sum(request.sizes()["responseBodySize"] for request in self.requests)
        self.requests.clear()
        return total


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """`open_page(state=None, scheme="light", viewport=DESKTOP)`: a watched page; its complaints fail the test."""
    contexts: list[BrowserContext] = []
    watches: list[Watch] = []

    def make(*, state: object = None, scheme: str = "light", viewport: dict[str, int] | None = None) -> Page:
        context = browser.new_context(
            storage_state=state,
            color_scheme=scheme,
            viewport=viewport or DESKTOP,
            locale="en-GB",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.watch = Watch(page)
        watches.append(page.watch)
        return page

    yield make
    for context in contexts:
        context.close()
    complaints = [complaint for watch in watches for complaint in watch.complaints]
    assert complaints == []


@pytest.fixture
def sign_in(portal: Portal, open_page: Callable[..., Page]) -> Callable[..., Page]:
    """`sign_in("coordinator", scheme="dark")`: a page at that person's home, signed in once for the whole run."""

    def enter(username: str, *, door: str | None = None, **options: object) -> Page:
        base = getattr(portal, door) if door else portal.url(username)
        page = open_page(state=portal.states.get((base, username)), **options)
        page.goto(f"{base}/account/login/?next=/")
        if "/account/" in page.url:
            by_password(page, portal, username)
        portal.states[base, username] = page.context.storage_state()
        return page

    return enter


def by_password(page: Page, portal: Portal, username: str) -> None:
    """Fill in the sign-in form and, where asked, the second factor."""
    page.locator("[name=login]").fill(username)
    page.locator("[name=password]").fill(portal.password)
    page.locator("main form button:not([type=button])").first.click()
    page.wait_for_load_state("networkidle")
    used = ""
    while "/2fa/authenticate/" in page.url:
        if (code := portal.code(username)) == used:
            continue  # a code opens once; the next comes within half a minute
        used = code
        page.locator("[name=code]").fill(code)
        page.locator("main form button:not([type=button])").first.click()
    page.wait_for_url(lambda url: "/account/login" not in url)  # a refusal stays there until the time is over


# The rules whose verdict follows the colours.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


def axe_violations(page: Page, **options: object) -> list[str]:
    """Return what axe finds, one line for each rule and place."""
    found = Axe().run(page, options={"resultTypes": ["violations"], **options}).response["violations"]
    return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


@pytest.fixture
def check_axe() -> Callable[[Page], None]:
    """`check_axe(page)`: no violation in the dark colours, nor of their rules in the light ones."""

    def check(page: Page) -> None:
        for scheme, options in (("dark", {}), ("light", COLOURS)):
            page.emulate_media(color_scheme=scheme)
            assert axe_violations(page, **options) == [], f"{page.url} in {scheme} colours"

    return check


@pytest.fixture
def screenshot() -> Callable[[Page, str], Path]:
    """`screenshot(page, "home")`: keep a picture under test-results/."""

    def take(page: Page, name: str) -> Path:
        SCREENS.mkdir(exist_ok=True)
        path = SCREENS / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        return path

    return take
