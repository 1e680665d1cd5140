"""A browser before a shop that is served; what its console says against us fails the test."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from time import time
from typing import Any

import pytest
import requests
from flask_migrate import upgrade
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from shop.app import create_app
from shop.domain.product import Product
from shop.domain.user import CUSTOMER
from shop.model.moves import STAFF
from tests.conftest import PASSWORD, enroll_user, settings_for
from tests.running import Process, post_json, serving

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIETLY = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
           "--disable-background-networking", "--disable-component-update"]  # fmt: skip
GOODS = [
    ("Walnut desk", 24900, 12),
    ("Brass lamp", 8900, 5),
    ("Pine stool", 3900, 40),
    ("Oak shelf", 17950, 0),
]
FORMS = {"Accept": "application/prs.hal-forms+json"}
PEOPLE = {"ada": CUSTOMER, "grace": STAFF}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("there is no Chromium here to look through")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=QUIETLY)


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a database with goods and people."""
    url = f"sqlite:///{tmp_path_factory.mktemp('browser') / 'shop.db'}"
    app = create_app(settings_for(url))
    with app.app_context():
        upgrade()
        session = app.extensions["sqlalchemy"].session()
        goods = [{"name": name, "price": price, "stock": stock} for name, price, stock in GOODS]
        session.add_all([Product(description="Made to last.", **each) for each in goods])
        session.commit()
    for name, role in PEOPLE.items():
        enroll_user(app, name, role)
    return url


@pytest.fixture(scope="session")
def served(furnished: str) -> Iterator[Process]:
    with serving(furnished) as (process,):
        yield process


@dataclass
class Reader:
    """Somebody before the page, who sees and uses what is there."""

    page: Page
    shop: str
    complaints: list[str]

    def open(self, path: str) -> "Reader":
        self.page.goto(path if path.startswith("http") else self.shop + path)
        return self.settled()

    def settled(self) -> "Reader":
        expect(self.page.locator("main")).not_to_have_attribute("aria-busy", "true")
        return self

    def known(self, login: dict[str, Any]) -> "Reader":
        """Logged in already, as after a form; nobody waits for the password to be hashed again."""
        session = json.dumps(json.dumps({**login, "until": (time() + login["expires_in"]) * 1000}))
        self.page.add_init_script(f"sessionStorage.session ??= {session}")
        return self

    def login(self, name: str = "ada") -> "Reader":
        self.button("Log in").first.click()
        self.enter(name)
        expect(self.button("Log out").first).to_be_visible()
        return self.settled()

    def enter(self, name: str, password: str = PASSWORD) -> "Reader":
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
        """A form, unfolded."""
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
def reader(browser: Browser, served: Process) -> Iterator[Reader]:
    yield from reading(browser, served.root.removesuffix("/api/v1"))


def reading(browser: Browser, shop: str, **context: object) -> Iterator[Reader]:
    with browser.new_context(locale="en-US", timezone_id="Asia/Tokyo", **context) as opened:
        opened.set_default_timeout(5000)
        found = Reader(opened.new_page(), shop, [])
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.on("console", lambda said: said.type == "error" and found.complaints.append(said.text))
        yield found
        assert [each for each in found.complaints if "Failed to load resource" not in each] == []


@pytest.fixture(scope="session")
def logins(served: Process) -> Callable[[str], dict[str, Any]]:
    """What the shop answered when somebody logged in, with its forms."""

    @cache
    def login(name: str) -> dict[str, Any]:
        words = {"username": name, "password": PASSWORD}
        return requests.post(f"{served.root}/tokens", json=words, headers=FORMS, timeout=10).json()

    return login


@pytest.fixture
def goods(served: Process, logins: Callable[[str], dict[str, Any]]) -> Callable[..., str]:
    """Adds a product to the shop that is served; tells where it is."""

    def add(name: str, price: float = 10, stock: int = 5) -> str:
        made = post_json(
            served.root,
            "/products",
            {"name": name, "price": price, "stock": stock},
            logins("grace")["access_token"],
        )
        return made.headers["Location"]

    return add
