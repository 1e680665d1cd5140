"""A browser and a running shop. Errors in the console of the browser fail the test."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import time
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from shop.app import create_app
from shop.cli.migrations import upgrade_database
from shop.domain.product import Product
from shop.domain.user import CUSTOMER
from shop.model.moves import STAFF
from tests.conftest import PASSWORD, enroll_user, settings_for
from tests.node import with_packages
from tests.running import Process, post_json, serving

HERE = Path(__file__).parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
           "--disable-background-networking", "--disable-component-update"]  # fmt: skip
PRODUCTS = [
    ("Walnut desk", 24900, 12),
    ("Brass lamp", 8900, 5),
    ("Pine stool", 3900, 40),
    ("Oak shelf", 17950, 0),
]
expect.set_options(timeout=30_000)  # a busy machine is no fault of the page
FORMS = {"Accept": "application/prs.hal-forms+json"}
ROLES = {"ada": CUSTOMER, "grace": STAFF}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)


@pytest.fixture(scope="session")
def browser_database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a database with products and users."""
    url = f"sqlite:///{tmp_path_factory.mktemp('browser') / 'shop.db'}"
    app = create_app(settings_for(url))
    with app.app_context():
        upgrade_database()
        session = app.extensions["sqlalchemy"].session()
        products = [{"name": name, "price": price, "stock": stock} for name, price, stock in PRODUCTS]
        session.add_all([Product(description="Made to last.", **each) for each in products])
        session.commit()
    for name, role in ROLES.items():
        enroll_user(app, name, role)
    return url


@pytest.fixture(scope="session")
def shop_process(browser_database: str) -> Iterator[Process]:
    with serving(browser_database) as (process,):
        yield process


@dataclass
class Reader:
    """A page in the browser, with helpers to use it as a person would."""

    page: Page
    shop: str
    complaints: list[str]

    def open(self, path: str) -> "Reader":
        self.page.goto(path if path.startswith("http") else self.shop + path)
        return self.wait_until_loaded()

    def wait_until_loaded(self) -> "Reader":
        expect(self.page.locator("main")).not_to_have_attribute("aria-busy", "true")
        return self

    def use_login(self, login: dict[str, Any]) -> "Reader":
        """Store a login in the page, as the form would; this saves the time of another hash."""
        session = json.dumps(json.dumps({**login, "until": (time() + login["expires_in"]) * 1000}))
        self.page.add_init_script(f"sessionStorage.session ??= {session}")
        return self

    def login(self, name: str = "ada") -> "Reader":
        self.button("Log in").first.click()
        self.enter_login(name)
        expect(self.button("Log out").first).to_be_visible()
        return self.wait_until_loaded()

    def enter_login(self, name: str, password: str = PASSWORD) -> "Reader":
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Username").fill(name)
        dialog.get_by_label("Password").fill(password)
        dialog.get_by_role("button", name="Log in").click()
        return self

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def link(self, name: str) -> Locator:
        return self.page.get_by_role("link", name=name, exact=True)

    def form(self, name: str) -> Locator:
        """Return a form, after opening the section that holds it."""
        folded = self.page.locator("details:not([open]) > summary", has_text=name)
        expect(self.page.locator("summary", has_text=name)).to_be_visible()
        if folded.count():
            folded.click()
        return self.page.get_by_role("form", name=name)

    def value(self, term: str) -> Locator:
        return self.page.locator(f"dl.sheet div:has(> dt:text-is('{term}')) > dd")

    @property
    def heading(self) -> Locator:
        return self.page.get_by_role("heading", level=1)

    @property
    def news(self) -> Locator:
        return self.page.get_by_role("status")


@pytest.fixture
def reader(browser: Browser, shop_process: Process) -> Iterator[Reader]:
    yield from open_reader(browser, shop_process.root.removesuffix("/api/v1"))


def open_reader(browser: Browser, shop: str, **context: object) -> Iterator[Reader]:
    with browser.new_context(locale="en-US", timezone_id="Asia/Tokyo", **context) as browser_context:
        browser_context.set_default_timeout(5000)
        reader = Reader(browser_context.new_page(), shop, [])
        reader.page.on("pageerror", lambda error: reader.complaints.append(str(error)))
        reader.page.on(
            "console", lambda message: message.type == "error" and reader.complaints.append(message.text)
        )
        yield reader
        assert [each for each in reader.complaints if "Failed to load resource" not in each] == []


@pytest.fixture(scope="session")
def axe() -> str:
    with_packages(HERE)
    return (HERE / "node_modules/axe-core/axe.min.js").read_text()


def find_violations(page: Page, axe: str) -> list[tuple[str, str]]:
    """Return what axe finds wrong on a page, with the first element of each."""
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]]


@pytest.fixture(scope="session")
def log_in(shop_process: Process) -> Callable[[str], dict[str, Any]]:
    """Returns the answer to a login of this user, with its forms; each user logs in once."""

    @cache
    def log_in(name: str) -> dict[str, Any]:
        words = {"username": name, "password": PASSWORD}
        return requests.post(f"{shop_process.root}/tokens", json=words, headers=FORMS, timeout=10).json()

    return log_in


@pytest.fixture
def add_product(shop_process: Process, log_in: Callable[[str], dict[str, Any]]) -> Callable[..., str]:
    """Adds a product to the running shop and returns its URL."""

    def add(name: str, price: float = 10, stock: int = 5) -> str:
        made = post_json(
            shop_process.root,
            "/products",
            {"name": name, "price": price, "stock": stock},
            log_in("grace")["access_token"],
        )
        return made.headers["Location"]

    return add
