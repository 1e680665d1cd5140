"""Hooks over GraphQL: the same as over REST, and no secret where it is not new."""

ADD = """mutation($url: String!, $events: [String!]!) {
    createHook(url: $url, events: $events) { hook { id status events secret can } }
}"""
URL = "https://8.8.8.8/events"  # nothing is sent here


def add_hook(fetch_data, person, *events):
    return fetch_data(person, ADD, url=URL, events=[*(events or ("*",))])["createHook"]["hook"]


def test_a_hook_is_added_changed_and_deleted(fetch_data, customer):
    hook = add_hook(fetch_data, customer, "order.paid")
    assert (hook["secret"][:6], set(hook["can"])) == (
        "whsec_",
        {"update", "delete", "disable", "rotate", "ping"},
    )
    update = 'mutation($id: ID!) { updateHook(id: $id, events: ["*"]) { hook { events url secret } } }'
    changed = fetch_data(customer, update, id=hook["id"])["updateHook"]["hook"]
    assert changed == {"events": ["*"], "url": URL, "secret": None}
    fetch_data(customer, "mutation($id: ID!) { deleteHook(id: $id) { ok } }", id=hook["id"])
    assert fetch_data(customer, "{ hooks { totalCount } }")["hooks"]["totalCount"] == 0


def test_a_secret_is_in_the_answer_that_made_it_alone(fetch_data, customer):
    hook = add_hook(fetch_data, customer)
    rotate = "mutation($id: ID!) { rotateSecretOfHook(id: $id) { hook { secret } } }"
    new = fetch_data(customer, rotate, id=hook["id"])["rotateSecretOfHook"]["hook"]["secret"]
    shown = fetch_data(customer, "{ hooks { nodes { secret } } }")["hooks"]["nodes"]
    assert (new != hook["secret"], shown) == (True, [{"secret": None}])


def test_a_ping_is_a_delivery_of_the_hook(fetch_data, customer):
    hook = add_hook(fetch_data, customer)
    fetch_data(customer, "mutation($id: ID!) { pingHook(id: $id) { delivery { id } } }", id=hook["id"])
    query = (
        "{ deliveries(status: waiting) { nodes { event status attempts hook { id } can lastAttemptAt } } }"
    )
    assert fetch_data(customer, query)["deliveries"]["nodes"] == [
        {"event": "hook.ping", "status": "waiting", "attempts": 0, "hook": {"id": hook["id"]}, "can": [],
         "lastAttemptAt": None}
    ]  # fmt: skip


def test_others_find_neither_hook_nor_delivery(fetch_data, customer, staff):
    hook = add_hook(fetch_data, customer)
    fetch_data(customer, "mutation($id: ID!) { pingHook(id: $id) { ok } }", id=hook["id"])
    query = 'query($id: ID!) { hook(id: $id) { id } hooks { totalCount } delivery(id: "Delivery:1") { id } }'
    assert fetch_data(staff, query, id=hook["id"]) == {
        "hook": None,
        "hooks": {"totalCount": 0},
        "delivery": None,
    }


def test_a_private_address_is_refused_by_the_name_of_its_argument(run_query, customer):
    error = run_query(customer, ADD, url="https://10.0.0.1/", events=["*"]).json["errors"][0]
    assert (error["extensions"]["code"], "url" in str(error["extensions"])) == ("CONFLICT", True)
