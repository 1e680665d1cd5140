"""Journeys of clients that know one URL, `/`, and the words of the profile."""

import re

from tests.conftest import PASSWORD, Person


class Walker:
    """A client that never spells a URL: it follows rels, in the name of whoever logged in."""

    def __init__(self, client):
        self.person = Person(client)
        self.home()

    def home(self):
        return self.see(self.person.get("/"))

    def see(self, answer):
        self.status, self.at = answer.status_code, answer.json if answer.data else {}
        return self

    def follow(self, rel, **variables):
        return self.see(self.person.get(self.href(rel, variables)))

    def do(self, method, rel, body=None):
        return self.see(self.person.call(method, self.href(rel), json=body or {}))

    def href(self, rel, variables=None):
        link = self.at["_links"][rel]
        if not link.get("templated"):
            return link["href"]
        names = re.search(r"{\?([^}]*)}", link["href"])[1].split(",")
        given = "&".join(f"{name}={variables[name]}" for name in names if name in (variables or {}))
        return link["href"].partition("{")[0] + (f"?{given}" if given else "")

    def item(self, name):
        self.at = next(item for item in self.at["_embedded"]["item"] if item["name"] == name)
        return self

    def login(self, username):
        self.home().do("POST", "login", {"username": username, "password": PASSWORD})
        self.person.tokens = self.at
        return self.home()

    @property
    def rels(self):
        return set(self.at["_links"])


def test_a_stranger_finds_a_product_by_searching(client, product):
    product("Walnut desk"), product("Brass lamp", price=8900)
    found = Walker(client).follow("search", q="lamp").item("Brass lamp").follow("self")
    assert found.at["price"] == 89.0


def test_a_stranger_pages_through_everything(client, product):
    for number in range(5):
        product(f"Mug {number}")
    walker, seen = Walker(client).follow("search", per_page=2), []
    while True:
        seen += [item["name"] for item in walker.at["_embedded"]["item"]]
        if "next" not in walker.rels:
            break
        walker.follow("next")
    assert seen == [f"Mug {number}" for number in range(5)]


def test_a_newcomer_registers_logs_in_and_logs_out(client):
    walker = Walker(client)
    walker.do("POST", "register", {"username": "eve", "email": "eve@shop.example", "password": PASSWORD})
    offered = [walker.login("eve").rels >= {"me", "logout"}, "create" in walker.rels]
    walker.do("DELETE", "logout")
    walker.person.tokens = {}
    assert (*offered, "me" in walker.home().rels) == (True, False, False)


def test_a_customer_changes_and_deletes_the_account(client, customer):
    walker = Walker(client).login("ada").follow("me")
    walker.do("PATCH", "update", {"email": "countess@shop.example"})
    assert (walker.at["email"], walker.do("DELETE", "delete").status) == ("countess@shop.example", 204)


def test_staff_create_change_restock_and_retire_a_product(client, staff):
    walker = Walker(client).login("grace")
    walker.do("POST", "create", {"name": "Pine stool", "price": 39})
    walker.do("PATCH", "update", {"price": 35.5, "_etag": walker.at["_etag"]})
    walker.do("POST", "restock", {"amount": 6})
    state = walker.at["price"], walker.at["stock"]
    walker.do("DELETE", "delete")
    assert (state, walker.home().follow("products").at["total"]) == ((35.5, 6), 0)


def test_staff_disable_an_account_and_enable_it_again(client, staff, customer):
    walker = Walker(client).login("grace").follow("users")
    walker.at = next(user for user in walker.at["_embedded"]["item"] if user["username"] == "ada")
    offers = []
    for move in ("disable", "enable"):
        walker.do("POST", move)
        offers.append(walker.rels & {"disable", "enable"})
    assert offers == [{"enable"}, {"disable"}]


def test_a_401_itself_leads_to_the_login(client, customer):
    walker = Walker(client)
    walker.see(walker.person.get("/api/v1/users"))
    walker.do("POST", "login", {"username": "ada", "password": PASSWORD})
    walker.person.tokens = walker.at
    assert walker.follow("me").at["username"] == "ada"


def test_a_412_itself_leads_to_what_is_there_now(client, staff, desk):
    walker = Walker(client).login("grace").follow("products").item("Walnut desk")
    known = walker.at["_etag"]
    walker.do("PATCH", "update", {"stock": 1}).do("PATCH", "update", {"stock": 2, "_etag": known})
    refused = walker.at["_etag"]
    assert walker.follow("self").at["_etag"] == refused


def test_a_session_outlives_its_access_token(client, customer):
    walker = Walker(client).login("ada")
    walker.at = walker.person.tokens
    walker.do("POST", "refresh", {"refresh_token": walker.at["refresh_token"]})
    walker.person.tokens = walker.at
    assert walker.follow("me").status == 200
