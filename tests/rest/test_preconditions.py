"""Entity tags: of what is read and of what is changed, and what a GET does with If-Match."""

import pytest

BACKENDS = ["sqlite"]


@pytest.fixture
def desk(staff) -> str:
    answer = staff.post("/api/v1/products", {"name": "Walnut desk", "price": 249, "stock": 5})
    return answer.headers["Location"].removeprefix("http://localhost")


@pytest.mark.parametrize("url", ["{desk}", "/api/v1/products"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_get_of_another_version_than_if_match_names_is_refused(client, desk, url, method):
    url = url.format(desk=desk)
    for _ in range(2):  # the second time, the answer without If-Match is in the response cache
        answer = client.open(url, method=method, headers={"If-Match": '"7-7-0123456789abcdef"'})
        assert (answer.status_code, answer.headers["Cache-Control"]) == (412, "no-store")
        client.get(url)


@pytest.mark.parametrize("url", ["{desk}", "/api/v1/products"])
@pytest.mark.parametrize("form", ["{}", "W/{}", "*", '"other", {}'])
def test_a_get_of_the_version_that_if_match_names_is_answered(client, desk, url, form):
    tag = client.get(url.format(desk=desk)).headers["ETag"]
    assert client.get(url.format(desk=desk), headers={"If-Match": form.format(tag)}).status_code == 200


def test_if_match_counts_before_if_none_match(client, desk):
    tag = client.get(desk).headers["ETag"]
    headers = {"If-Match": '"7-7"', "If-None-Match": tag}
    assert client.get(desk, headers=headers).status_code == 412


def test_the_refusal_names_the_present_version(client, desk):
    assert client.get(desk, headers={"If-Match": '"7-7"'}).json["_etag"] == client.get(desk).json["_etag"]


def test_a_missing_thing_is_not_found_whatever_if_match_names(client):
    assert client.get("/api/v1/products/99", headers={"If-Match": '"99-1"'}).status_code == 404


def change(staff, desk: str, method: str):
    body = {"amount": 1} if method == "restock" else {"name": "Oak desk", "price": 300}
    if method == "restock":
        return staff.post(f"{desk}/restock", body)
    return staff.call(method, desk, json=body)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "restock"])
def test_a_change_answers_with_the_tag_of_what_it_shows(staff, desk, method):
    changed = change(staff, desk, method)
    assert changed.headers["ETag"] == staff.get(desk).headers["ETag"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "restock"])
def test_the_tag_of_a_change_is_good_for_the_next_one(staff, desk, method):
    tag = change(staff, desk, method).headers["ETag"]
    answers = [staff.patch(desk, {"stock": 9}, headers={"If-Match": tag}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 412]


def test_a_change_without_a_body_in_its_answer_has_the_tag_of_the_version(staff, desk):
    short = staff.patch(desk, {"stock": 9}, headers={"Prefer": "return=minimal"})
    assert (short.status_code, short.headers["ETag"]) == (204, staff.get(desk).json["_etag"])


def test_a_new_thing_has_the_tag_of_its_place(staff):
    created = staff.post("/api/v1/products", {"name": "Brass lamp", "price": 89})
    assert created.headers["ETag"] == staff.get(created.headers["Location"]).headers["ETag"]


@pytest.mark.parametrize("url", ["{desk}", "/api/v1/products", "/", "/docs"])
def test_no_public_answer_may_be_used_when_it_is_stale(client, desk, url):
    assert client.get(url.format(desk=desk)).headers["Cache-Control"] == "public, max-age=0, must-revalidate"


def test_an_answer_that_is_given_again_has_the_same_tag(staff, desk):
    send = {"headers": {"Idempotency-Key": "one"}}
    answers = [staff.post(f"{desk}/restock", {"amount": 1}, **send) for _ in range(2)]
    assert answers[0].headers["ETag"] == answers[1].headers["ETag"] == staff.get(desk).headers["ETag"]


def test_a_new_thing_without_a_body_in_its_answer_is_created_for_clients_that_accept_gzip(staff):
    headers = {"Prefer": "return=minimal", "Accept-Encoding": "gzip"}
    created = staff.post("/api/v1/products", {"name": "Brass lamp", "price": 89}, headers=headers)
    assert (created.status_code, created.data) == (201, b"")
