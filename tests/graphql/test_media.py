"""The media type of a GraphQL response, and that negotiation is fast."""

import pytest

from shop.hypermedia.negotiation import choose_media_type, parse_content_type
from tests.graphql.conftest import GRAPHQL
from tests.graphql.test_http import JSON, NAME, get, post
from tests.timing import measure_seconds

OFFERS = (JSON, GRAPHQL)
CHARACTERS = '\t ,;"\\=*/q'


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (f"{JSON}; charset=utf-8", JSON),
        (f"{GRAPHQL}; charset=utf-8", GRAPHQL),
        (f"{GRAPHQL};charset=utf-8, {JSON};charset=utf-8", JSON),
        (f"{GRAPHQL}, {JSON};q=0.9", GRAPHQL),
        (f"{GRAPHQL};q=0, */*", JSON),
        ("application/*", JSON),
        ('*/*; profile="a,b;q=0"', JSON),
        ("", JSON),
    ],
)
def test_an_answer_has_the_type_that_was_asked_for(anonymous, accept, answered):
    answer = get(anonymous, NAME, accept=accept)
    assert (answer.status_code, answer.content_type) == (200, f"{answered}; charset=utf-8")


def test_the_content_type_of_an_answer_may_be_asked_for(anonymous):
    for accept in OFFERS:
        content_type = get(anonymous, NAME, accept=accept).content_type
        assert get(anonymous, NAME, accept=content_type).content_type == content_type


def test_a_refusal_has_the_type_that_was_asked_for(anonymous):
    assert get(anonymous, "{", accept=f"{GRAPHQL}; charset=utf-8").content_type.startswith(GRAPHQL)


def test_a_star_for_one_kind_of_types_is_not_one_for_others():
    assert choose_media_type("application/*", ("text/html", JSON)) == JSON


def test_an_accept_that_is_too_long_to_read_asks_for_nothing(anonymous):
    assert get(anonymous, NAME, accept="text/plain" + " " * 3000).status_code == 200


@pytest.mark.parametrize("character", CHARACTERS)
def test_no_header_takes_long_to_read(anonymous, character):
    words = [start + character * 30_000 + "x" for start in ("a", "a/b;q=", 'a/b;c="')]

    def send_words():
        for word in words:
            get(anonymous, NAME, accept=word)
            get(anonymous, accept=word)
            get(anonymous, "{", accept=word)
            post(anonymous, b"{}", content_type=word)

    assert measure_seconds(send_words, 0.5) < 0.5


@pytest.mark.parametrize("character", CHARACTERS)
def test_the_longest_header_that_is_read_is_read_quickly(character):
    def read_headers():
        for start in ("a", "a/b;q=", 'a/b;c="', '"'):
            choose_media_type(start + character * 1990, OFFERS)
            choose_media_type(start + (character + '"\\') * 660, OFFERS)
            parse_content_type(start + (character + '"\\') * 660)

    assert measure_seconds(read_headers, 0.1) < 0.1


@pytest.mark.parametrize(
    "charset", ["", "; charset=utf-8", ';charset="UTF-8"', "; boundary=x; charset=utf-8"]
)
def test_a_body_in_utf_8_is_read(anonymous, charset):
    assert post(anonymous, b'{"query": "{me{id}}"}', JSON + charset).status_code == 200


@pytest.mark.parametrize(
    "charset", ["; charset=latin-1", "; charset=utf-8;" + " " * 3000, "; charset=utf-16"]
)
def test_a_body_in_another_charset_is_refused(anonymous, charset):
    assert post(anonymous, b'{"query": "{me{id}}"}', JSON + charset).status_code == 415
