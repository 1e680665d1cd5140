"""The life of an order, told by clients that know `/` and rel names: what is offered, and what is not, at each step."""

from tests.journeys.test_links_alone import Walker

MOVES = {"pay", "ship", "deliver", "cancel", "refund"}


def newcomer(client):
    walker = Walker(client)
    words = {"username": "eve", "email": "eve@shop.example", "password": "walnut-and-brass"}
    walker.do("POST", "register", words)
    return walker.login("eve")


def buys(walker, query):
    walker.follow("search", q=query, in_stock="true")
    walker.at = walker.at["_embedded"]["item"][0]
    return walker.do("POST", "buy", {"quantity": 1})


def offers(walker):
    return walker.rels & MOVES


def test_from_registration_to_delivery(app, staff, product):
    product("Walnut desk"), product("Brass lamp", price=8900)
    eve = buys(newcomer(app.test_client()), "lamp")
    grace = Walker(app.test_client()).login("grace").follow("orders")
    grace.at = grace.at["_embedded"]["item"][0]
    seen = [offers(eve), offers(grace)]
    seen.append(offers(grace.do("POST", "pay", {"reference": "bank 0042"})))
    seen.append(offers(eve.follow("self")))
    seen.append(offers(grace.do("POST", "ship", {"tracking": "JD0002"})))
    seen.append(offers(eve.follow("self")))
    eve.do("POST", "deliver")
    seen.append(offers(eve))
    assert seen == [{"cancel"}, {"pay", "cancel"}, {"ship", "refund"}, set(), {"deliver"}, {"deliver"}, set()]


def test_a_change_of_mind(app, product):
    product("Walnut desk", stock=1)
    eve = buys(newcomer(app.test_client()), "desk")
    offered = offers(eve)
    eve.do("POST", "cancel")
    cancelled = eve.at["status"], offers(eve)
    stock = eve.home().follow("products").at["_embedded"]["item"][0]["stock"]
    assert (offered, cancelled, stock) == ({"cancel"}, ("cancelled", set()), 1)


def test_an_order_of_several_things(app, product):
    desk, lamp = product("Walnut desk"), product("Brass lamp", price=8900)
    eve = newcomer(app.test_client()).follow("orders")
    items = [{"product_id": desk, "quantity": 1}, {"product_id": lamp, "quantity": 2}]
    eve.do("POST", "create", {"items": items})
    total = eve.at["total"]
    eve.follow("user").follow("orders")
    assert (total, eve.at["total"]) == (427.0, 1)


def test_what_is_short_leads_to_what_is_left(app, product):
    product("Brass lamp", stock=2)
    eve = newcomer(app.test_client()).follow("search", q="lamp").item("Brass lamp")
    refused = eve.do("POST", "buy", {"quantity": 3})
    refused.at = refused.at["lines"][0]
    left = refused.at["left"]
    assert eve.follow("product").do("POST", "buy", {"quantity": left}).status == 201
