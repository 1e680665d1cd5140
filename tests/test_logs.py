"""The log: one line for each request, the traceback of a fault, and no secrets."""

import json
import logging
import re
from datetime import datetime
from io import StringIO

import pytest
from flask import Flask, request
from sqlalchemy import text

from shop.observability.logging import JSONFormatter, TextFormatter
from tests.conftest import KEY, PASSWORD, enroll_user

REQUEST_ID = "request-id-of-the-caller"


@pytest.fixture
def log_stream() -> StringIO:
    """The stream that the shop of a test writes its log to."""
    return StringIO()


@pytest.fixture
def read_log(log_stream):
    """Returns the lines that were logged since the last call."""

    def read() -> list[str]:
        lines = log_stream.getvalue().splitlines()
        log_stream.seek(log_stream.truncate(0))
        return lines

    return read


@pytest.fixture
def build_logging_shop(log_stream, isolated_logging, variant):
    """Builds a shop that logs every request and has a few routes that fail."""

    def build(**settings: str) -> Flask:
        shop = variant(**{"log_level": "INFO", **settings})
        logging.getLogger("shop").handlers[0].setStream(log_stream)
        shop.add_url_rule("/boom", "boom", lambda: 1 / 0)
        shop.add_url_rule("/sql", "sql", lambda: run_broken_query(shop))
        shop.add_url_rule("/say", "say", lambda: raise_error(request.args["words"]))
        return shop

    return build


@pytest.fixture
def logging_shop(build_logging_shop) -> Flask:
    return build_logging_shop()


def run_broken_query(shop: Flask) -> str:
    shop.extensions["sqlalchemy"].session.execute(text("SELECT hidden_column FROM hidden_table")).all()
    return ""


def raise_error(words: str) -> str:
    raise ValueError(words)


def parse_entries(lines: list[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines]


# ---- One line for each request ---------------------------------------------------------------------


def test_a_request_is_one_line_with_what_is_worth_knowing(logging_shop, read_log, desk):
    answer = logging_shop.test_client().get(f"{desk}?fields=id", headers={"X-Request-ID": REQUEST_ID})
    [entry] = parse_entries(read_log())
    at, ms = datetime.fromisoformat(entry.pop("at")), entry.pop("ms")
    assert entry == {
        "level": "INFO", "logger": "shop.requests", "message": "request", "request_id": REQUEST_ID, "method": "GET",
        "route": "/api/v1/products/<id:id>", "status": 200, "bytes": len(answer.data), "user": None,
        "remote": "127.0.0.1",
    }  # fmt: skip
    assert (at.tzinfo is not None, 0 < ms < 10_000) == (True, True)


def test_every_request_is_one_line_whatever_becomes_of_it(logging_shop, read_log, desk):
    client = logging_shop.test_client()
    paths = ["/api/v1/products", desk, "/nowhere", "/api/v1/users", "/api/v1/products?page=x", "/health/live"]
    statuses = [client.get(path).status_code for path in paths]
    assert [entry["status"] for entry in parse_entries(read_log())] == statuses


def test_the_line_names_who_it_was(logging_shop, read_log, person):
    ada = person("ada", at=logging_shop)
    read_log()
    ada.get("/api/v1/products")
    assert parse_entries(read_log())[0]["user"] == ada.id


def test_the_answer_bears_the_number_that_its_line_has(logging_shop, read_log):
    answer = logging_shop.test_client().get("/api/v1/")
    assert parse_entries(read_log())[0]["request_id"] == answer.headers["X-Request-ID"]


def test_a_path_that_is_none_is_not_repeated(logging_shop, read_log):
    logging_shop.test_client().get("/nowhere/secret-in-a-path?and=in-a-query")
    [line] = read_log()
    assert ("secret" in line, "query" in line, json.loads(line)["route"]) == (False, False, "unmatched")


@pytest.mark.parametrize("level", ["WARNING", "ERROR"])
def test_a_quiet_shop_logs_no_requests(read_log, build_logging_shop, level):
    build_logging_shop(log_level=level).test_client().get("/api/v1/products")
    assert read_log() == []


def test_text_is_for_people(read_log, build_logging_shop, desk):
    build_logging_shop(log_format="text").test_client().get(desk, headers={"X-Request-ID": REQUEST_ID})
    assert re.fullmatch(
        rf"GET    200 +\d+\.\d ms  /api/v1/products/<id:id>  user=None  {REQUEST_ID}", read_log()[0]
    )


TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "parent", [f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00", f"7a-{TRACE}-{SPAN}-01-more"]
)
def test_every_line_of_a_request_names_the_trace_it_is_a_part_of(logging_shop, read_log, parent):
    logging_shop.test_client().get("/boom", headers={"traceparent": parent})
    assert [entry["trace_id"] for entry in parse_entries(read_log())] == [TRACE, TRACE]


@pytest.mark.parametrize(
    "parent",
    ["", "x", f"00-{TRACE}-{SPAN}", f"00-{TRACE}-{SPAN}-01-more", f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01",
     f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01", f"01-{TRACE}-{SPAN}-01more", f"00-{TRACE}-{SPAN}-01, "],
)  # fmt: skip
def test_a_trace_that_is_none_is_not_repeated(logging_shop, read_log, parent):
    logging_shop.test_client().get("/api/v1/", headers={"traceparent": parent})
    assert "trace_id" not in parse_entries(read_log())[0]


# ---- Input cannot write lines ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "given", ["short", "a" * 65, "two words", "a\tb1234567", '"quoted12"', "ümlaut-ümlaut"]
)
def test_a_request_id_that_is_not_plain_is_replaced(logging_shop, read_log, given):
    logging_shop.test_client().get("/api/v1/", headers={"X-Request-ID": given})
    assert re.fullmatch("[0-9a-f]{16}", parse_entries(read_log())[0]["request_id"])


@pytest.mark.parametrize("words", ["a%0Ab", "a%0D%0Ab", "a%E2%80%A8b", "%00%1b[2J"])
def test_input_makes_no_line_of_its_own_in_json(logging_shop, read_log, words):
    logging_shop.test_client().get(f"/say?words={words}")
    assert [entry["message"] for entry in parse_entries(read_log())] == ["failed", "request"]


@pytest.mark.parametrize("words", ["a%0AERROR shop forged", "a%0D%0AERROR shop forged"])
def test_input_cannot_begin_a_line_in_text(read_log, build_logging_shop, words):
    build_logging_shop(log_format="text").test_client().get(f"/say?words={words}")
    lines = read_log()
    assert [line[:9] for line in lines if line[:1] != " "] == ["ERROR sho", "GET    50"]
    assert any("forged" in line for line in lines)


@pytest.mark.parametrize("message", ["\ud800", "\x00\x1b[2J\n", {"a": 2**70}, float("nan"), object])
def test_whatever_is_logged_becomes_one_line_of_json(message):
    record = logging.LogRecord("shop", logging.ERROR, "", 0, "%s", (message,), None)
    line = JSONFormatter().format(record)
    assert (json.loads(line)["message"], "\n" in line) == (record.getMessage(), False)


def test_a_text_line_of_several_lines_is_indented():
    record = logging.LogRecord("shop", logging.ERROR, "", 0, "one\ntwo\r\nthree", (), None)
    assert TextFormatter("%(levelname)s %(message)s").format(record) == "ERROR one\n    two\\r\n    three"


# ---- Faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/boom", "/say?words=anything"])
def test_a_fault_is_answered_in_general_words(logging_shop, path):
    answer = logging_shop.test_client().get(path)
    assert (answer.status_code, answer.content_type, answer.json["detail"]) == (
        500, "application/problem+json", "Something went wrong here. Quote the request_id when you ask about it.",
    )  # fmt: skip


def test_a_fault_in_the_database_tells_nothing_of_it(logging_shop):
    body = logging_shop.test_client().get("/sql").get_data(as_text=True)
    assert not re.search(
        r"hidden|SELECT|sqlite|psycopg|sqlalche|Traceback|\.py|/work|/tmp|File \"", body, re.IGNORECASE
    )


def test_the_number_in_the_answer_finds_the_story_in_the_log(logging_shop, read_log):
    number = logging_shop.test_client().get("/boom").json["request_id"]
    [failed, last] = [entry for entry in parse_entries(read_log()) if entry["request_id"] == number]
    assert (failed["level"], last["status"]) == ("ERROR", 500)
    assert re.search(r"Traceback.+\n.+test_logs\.py.+ZeroDivisionError", failed["exception"], re.DOTALL)


def test_the_number_finds_the_story_in_text_too(read_log, build_logging_shop):
    number = build_logging_shop(log_format="text").test_client().get("/boom").json["request_id"]
    assert read_log()[0] == f"ERROR shop failed  request_id={number}"


def test_a_shop_serves_on_after_a_fault(logging_shop, desk):
    client = logging_shop.test_client()
    client.get("/sql")
    assert client.get(desk).status_code == 200


def test_a_database_that_is_away_is_a_warning_with_the_number_of_the_request(
    read_log, build_logging_shop, tmp_path
):
    client = build_logging_shop(database_url=f"sqlite:///{tmp_path}/no/shop.db").test_client()
    number = client.get("/api/v1/products").json["request_id"]
    assert [(entry["level"], entry["request_id"]) for entry in parse_entries(read_log())] == [
        ("WARNING", number), ("INFO", number),
    ]  # fmt: skip


# ---- Secrets ---------------------------------------------------------------------------------------


@pytest.fixture
def log_and_secrets(logging_shop, read_log) -> tuple[str, list[str]]:
    """The log of all kinds of requests that contain secrets, and these secrets."""
    enroll_user(logging_shop, "ada", "customer")
    client, api = logging_shop.test_client(), "/api/v1"
    secrets = [KEY, PASSWORD, "wrong-password", "another-secret", "ada@shop.example", "query-token"]

    def post(path: str, body: object, **headers: str) -> dict[str, str]:
        answer = client.post(api + path, json=body, headers=headers).json
        secrets.extend(value for name, value in (answer or {}).items() if name.endswith("_token"))
        return answer

    first = post("/tokens", {"username": "ada", "password": PASSWORD})
    post("/tokens", {"username": "ada", "password": "wrong-password"})
    post("/tokens", {"username": "ada", "password": ["another-secret"]})
    post("/tokens", {"username": "another-secret", "password": PASSWORD, "more": "another-secret"})
    second = post("/tokens/refresh", {"refresh_token": first["refresh_token"]})
    bearer = {"Authorization": f"Bearer {second['access_token']}"}
    for headers in (
        bearer,
        {"Authorization": "Basic another-secret"},
        {"Authorization": "Bearer another-secret"},
    ):
        for path in (
            "/api/v1/users/1",
            "/boom",
            "/sql",
            "/nowhere",
            "/api/v1/products?access_token=query-token",
        ):
            client.get(path, headers={**headers, "Cookie": "session=another-secret"})
    post("/users", {"username": "bob", "email": "ada@shop.example", "password": PASSWORD})
    post("/users", {"username": "bob", "email": "another-secret", "password": "another-secret"})
    post("/tokens/refresh", {"refresh_token": first["refresh_token"]})
    client.delete(f"{api}/tokens/current", headers=bearer)
    return "\n".join(read_log()), secrets


def test_no_secret_is_ever_logged(log_and_secrets):
    log, secrets = log_and_secrets
    assert (len(secrets), [secret for secret in secrets if secret in log]) == (10, [])


def test_no_part_of_a_token_or_a_hash_is_ever_logged(log_and_secrets):
    log, _ = log_and_secrets
    assert not re.search(r"eyJ|argon2|bearer|authorization|cookie", log, re.IGNORECASE)


def test_the_day_of_secrets_was_logged(log_and_secrets):
    log, _ = log_and_secrets
    assert {entry["status"] for entry in parse_entries(log.splitlines()) if "status" in entry} >= {
        200,
        400,
        401,
        404,
        409,
        500,
    }
