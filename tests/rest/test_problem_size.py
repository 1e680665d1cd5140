"""A problem document is short, even if the request is long."""

import pytest

from tests.timing import measure_seconds

LARGEST = 10_000


def build_order(count, **more):
    return {"items": [{"product_id": 0, "quantity": 0, **more}] * count}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/products", {f"m{n}": 1 for n in range(60_000)}),
        ("/products", {"m" * 900_000: 1}),
        ("/products", {f"{'m' * 300}{n}": 1 for n in range(2000)}),
        ("/orders", build_order(20_000)),
        ("/orders", build_order(90)),
        ("/orders", {"items": [{f"m{n}": 1 for n in range(60_000)}]}),
    ],
    ids=["unknown", "long", "long-unknown", "many-lines", "wrong-lines", "unknown-in-a-line"],
)
def test_of_a_body_with_many_flaws_names_some(staff, path, body):
    assert measure_seconds(lambda: staff.post(f"/api/v1{path}", body), 2) < 2
    answer = staff.post(f"/api/v1{path}", body)
    assert (answer.status_code, len(answer.data) < LARGEST, len(answer.json["errors"]) <= 21) == (
        400,
        True,
        True,
    )


def test_says_that_there_are_more(staff):
    errors = staff.post("/api/v1/products", {f"m{n}": 1 for n in range(50)}).json["errors"]
    assert (len(errors), errors[-1]["detail"]) == (21, "There are more errors than these 20.")


def test_of_a_form_or_a_query_names_some(staff):
    words = "&".join(f"m{n}=1&m{n}=2" for n in range(5000))
    form = staff.post("/api/v1/products", data=words, content_type="application/x-www-form-urlencoded")
    query = staff.get("/api/v1/products?" + words[:20_000])
    assert [len(answer.data) < LARGEST for answer in (form, query)] == [True, True]


@pytest.mark.parametrize("path", ["%FF" * 9000, "\u20ac" * 3000, "x" * 20_000])
def test_does_not_repeat_a_long_url(anonymous, path):
    assert len(anonymous.get(f"/api/v1/{path}").data) < LARGEST
