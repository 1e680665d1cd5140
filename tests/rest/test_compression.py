"""Answers are compressed for clients that accept it, and each coding has its own entity tag."""

import gzip
from typing import Any

import brotli
import pytest

from shop.hypermedia import compression

BACKENDS = ["sqlite"]
GZIP = {"Accept-Encoding": "gzip"}
FORMS = {"Accept": "application/prs.hal-forms+json"}
BUNDLE = "/static/swagger-ui/swagger-ui-bundle.js"


@pytest.fixture
def catalogue(staff) -> str:
    for number in range(30):
        staff.post("/api/v1/products", {"name": f"Walnut desk {number}", "price": 249, "stock": number})
    return "/api/v1/products"


def without_encoding(tag: str) -> str:
    return tag.replace("-gzip", "")


@pytest.mark.parametrize(
    "url",
    [
        "/api/v1/products",
        "/openapi/v1.json",
        "/docs",
        "/profile",
        "/graphql",
        BUNDLE,
        "/static/swagger-ui/swagger-ui.css",
    ],
)
def test_what_is_compressed_is_the_same_as_what_is_not(client, catalogue, url):
    plain, compressed = client.get(url), client.get(url, headers=GZIP)
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(compressed.data) == plain.data
    assert int(compressed.headers["Content-Length"]) == len(compressed.data)


@pytest.mark.parametrize(
    "url", ["/", "/api/v1/products", "/api/v1/products/1", "/docs", BUNDLE, "/api/v1/nothing"]
)
@pytest.mark.parametrize("asked", ["gzip", ""])
def test_every_answer_says_that_it_varies(client, catalogue, url, asked):
    assert "Accept-Encoding" in client.get(url, headers={"Accept-Encoding": asked}).vary


@pytest.mark.parametrize("asked", ["", "identity", "gzip;q=0", "deflate", "*", "zstd", "gzip;q=x"])
def test_nothing_is_compressed_for_clients_that_do_not_name_a_coding_that_we_have(client, catalogue, asked):
    answer = client.get(catalogue, headers={"Accept-Encoding": asked})
    assert (answer.headers.get("Content-Encoding"), answer.json["total"]) == (None, 30)


@pytest.mark.parametrize("asked", ["gzip", "GZIP", "deflate, gzip;q=0.5", "gzip, deflate, zstd"])
def test_the_list_takes_a_fifth_of_its_bytes(client, catalogue, asked):
    plain = client.get(catalogue, headers=FORMS)
    compressed = client.get(catalogue, headers={**FORMS, "Accept-Encoding": asked})
    assert len(compressed.data) * 5 < len(plain.data)


def test_small_answers_are_sent_as_they_are(client):
    assert "Content-Encoding" not in client.get("/health/live", headers=GZIP).headers


def test_each_coding_has_its_own_tag(client, catalogue):
    plain, compressed = client.get(catalogue), client.get(catalogue, headers=GZIP)
    assert compressed.headers["ETag"] == plain.headers["ETag"][:-1] + '-gzip"'


@pytest.mark.parametrize("url", ["/api/v1/products", BUNDLE])
@pytest.mark.parametrize("known", ["{tag}", "W/{tag}", "{plain}", "W/{plain}", '"other", {tag}', "*"])
@pytest.mark.parametrize("encoding", [GZIP, {}])
def test_a_client_that_knows_either_coding_is_told_that_nothing_changed(
    client, catalogue, url, known, encoding
):
    tag = client.get(url, headers=GZIP).headers["ETag"]
    wanted = known.format(tag=tag, plain=without_encoding(tag))
    answer = client.get(url, headers={**encoding, "If-None-Match": wanted})
    assert (answer.status_code, answer.data) == (304, b"")


def test_not_modified_has_the_headers_of_the_answer(client, catalogue):
    full = client.get(catalogue, headers=GZIP)
    for _ in range(2):  # the second one comes from the response cache
        short = client.get(catalogue, headers={**GZIP, "If-None-Match": full.headers["ETag"]})
        for name in ("ETag", "Cache-Control", "Vary"):
            assert short.headers[name] == full.headers[name]


@pytest.mark.parametrize("url", ["/", "/api/v1/products", "/docs", BUNDLE])
@pytest.mark.parametrize("encoding", [GZIP, {}])
def test_head_has_the_headers_of_get(client, catalogue, url, encoding):
    def look(method: str) -> dict[str, Any]:
        headers = client.open(url, method=method, headers=encoding).headers
        return {
            name: text
            for name, text in headers.items()
            if name not in ("X-Request-ID", "RateLimit", "Date", "Expires")
        }

    assert look("HEAD") == look("GET")


@pytest.mark.parametrize("form", ["{tag}", "W/{tag}", "{plain}", "W/{plain}"])
def test_a_change_takes_the_tag_of_any_coding_and_what_a_proxy_makes_of_it(staff, catalogue, form):
    tag = staff.get("/api/v1/products/1", headers={**GZIP, **FORMS}).headers["ETag"]
    assert "-gzip" in tag
    known = form.format(tag=tag, plain=without_encoding(tag))
    answers = [staff.patch("/api/v1/products/1", {"stock": 7}, headers={"If-Match": known}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 412]


def test_an_answer_of_the_response_cache_is_compressed_once(client, catalogue, monkeypatch):
    runs = []
    encode = compression.ENCODERS["gzip"]
    monkeypatch.setitem(compression.ENCODERS, "gzip", lambda body: runs.append(1) or encode(body))
    bodies = {
        client.get(catalogue, headers={"Accept-Encoding": asked}).data
        for asked in ("gzip", "gzip, br;q=0", "gzip")
    }
    assert (len(bodies), len(runs)) == (1, 1)


def test_a_file_is_compressed_once(app, client, monkeypatch):
    runs = []
    encode = compression.ENCODERS["gzip"]
    app.extensions["shop"].compressed_files.clear()
    monkeypatch.setitem(compression.ENCODERS, "gzip", lambda body: runs.append(1) or encode(body))
    assert len({client.get(BUNDLE, headers=GZIP).data for _ in range(3)}) == 1
    assert len(runs) == 1


def test_compressed_files_are_bounded(app, client, monkeypatch):
    monkeypatch.setattr(compression, "MAX_FILES", 1)
    app.extensions["shop"].compressed_files.clear()
    for url in (BUNDLE, "/static/swagger-ui/swagger-ui.css"):
        client.get(url, headers=GZIP)
    assert len(app.extensions["shop"].compressed_files) == 1


def test_a_part_of_a_file_is_sent_as_it_is(client):
    answer = client.get(BUNDLE, headers={**GZIP, "Range": "bytes=0-9"})
    assert (answer.status_code, len(answer.data), answer.headers.get("Content-Encoding")) == (206, 10, None)


@pytest.mark.parametrize("url", ["/api/v1/tokens", "/graphql"])
def test_a_compressed_body_is_refused_with_what_is_taken(client, url):
    body = gzip.compress(b"{}")
    answer = client.post(
        url, data=body, content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    assert (answer.status_code, answer.headers["Accept-Encoding"]) == (415, "identity")


def test_brotli_comes_first_where_it_is_installed(client, catalogue):
    answer = client.get(catalogue, headers={"Accept-Encoding": "gzip, br"})
    assert answer.headers["Content-Encoding"] == "br"
    assert brotli.decompress(answer.data) == client.get(catalogue).data
