"""The settings: the values that each accepts, and the error for a wrong one."""

import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from datetime import date
from pathlib import Path

import pytest
from dotenv import dotenv_values

from shop.settings import Settings, SettingsError, get_variable_name, read_settings
from tests.conftest import KEY

OTHER = "nT6yW1qLr9Zx3Vb8Hc5Mj2Kd7Fs4Gp0a"
EXAMPLE = Path(__file__).parent.parent / ".env.example"
DEFAULTS = {get_variable_name(each.name): each.metadata["default"] or "" for each in fields(Settings)}

GOOD = [
    ("secret_key", KEY, (KEY,)),
    ("secret_key", f"{OTHER}, {KEY}", (OTHER, KEY)),
    ("database_url", "sqlite:////data/my shop.db", "sqlite:////data/my shop.db"),
    ("database_url", "sqlite+pysqlite:////data/shop.db", "sqlite+pysqlite:////data/shop.db"),
    ("database_url", "postgresql://u:p%40w@db/shop", "postgresql+psycopg://u:p%40w@db/shop"),
    ("database_url", "postgres://u:p@db:5433/shop", "postgresql+psycopg://u:p@db:5433/shop"),
    ("database_url", "postgresql+psycopg2://db/shop", "postgresql+psycopg://db/shop"),
    ("database_url", "postgresql:///shop?host=/run", "postgresql+psycopg:///shop?host=%2Frun"),
    ("redis_url", "rediss://:pw@cache:6379/0", "rediss://:pw@cache:6379/0"),
    ("redis_url", "unix:///run/redis.sock", "unix:///run/redis.sock"),
    ("public_url", "https://shop.example/base/", "https://shop.example/base"),
    ("public_url", "http://[::1]:8000", "http://[::1]:8000"),
    ("trusted_hosts", "shop.example, .shop.example,localhost:8000", ("shop.example", ".shop.example", "localhost:8000")),
    ("trusted_hosts", "[::1]:8000", ("[::1]:8000",)),
    ("trusted_proxy", "10.0.0.1", "10.0.0.1"),
    ("trusted_proxy", "*", "*"),
    ("rate_limit", "5/second", "5/second"),
    ("login_rate_limit", "100 per hour", "100 per hour"),
    ("cache_seconds", "60", 60),
    ("currency", "JPY", "JPY"),
    ("require_if_match", "on", True),
    ("require_if_match", "FALSE", False),
    ("v1_sunset", "", None),
    ("v1_sunset", "2027-12-31", date(2027, 12, 31)),
    ("cors_origins", "https://App.example,http://localhost:3000/", ("https://app.example", "http://localhost:3000")),
    ("access_token_seconds", "30", 30),
    ("refresh_token_seconds", "31536000", 31_536_000),
    ("unpaid_hours", "72", 72),
    ("max_unpaid_orders", "1000000", 1_000_000),
    ("changes_days", "7", 7),
    ("allow_private_hooks", "on", True),
    ("log_level", "DEBUG", "DEBUG"),
    ("log_format", "text", "text"),
    ("graphql_introspection", "off", False),
    ("graphiql", "ON", True),
    ("grpc_certificate", "", ""),
    ("grpc_certificate", str(EXAMPLE), str(EXAMPLE)),
    ("grpc_key", str(EXAMPLE), str(EXAMPLE)),
    ("grpc_client_ca", str(EXAMPLE), str(EXAMPLE)),
    ("grpc_reflection", "off", False),
    ("threads", " 64 ", 64),
    ("metrics_port", "", 0),
    ("metrics_port", "9100", 9100),
    ("workers", "2", 2),
]  # fmt: skip

BAD = {
    "secret_key": ["short", "a" * 64, "0123456789abcdef" * 4, "change-me" * 5, "my-very-own-secret-key-that-is-long", f"{KEY},short", ","],
    "database_url": ["", "shop.db", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://shop.db", "sqlite:///file:a?mode=memory&uri=true",
                     "sqlite+aiosqlite:///shop.db", "mysql://u:hunter2@db/shop", "postgresql://u:hunter2@db:port/shop"],
    "redis_url": ["cache:6379", "http://cache", "redis://cache:port/0", "redis://[cache"],
    "public_url": ["shop.example", "ftp://shop.example", "https://", "https://:80", "https://a:port", "https://a/?b", "https://a#", "https://u@a", "https://a\nb"],
    "trusted_hosts": ["https://shop.example", "a b", "shop.example/x"],
    "trusted_proxy": ["proxy", "10.0.0.0/8", "10.0.0.1, 10.0.0.2"],
    "rate_limit": ["", "many", "0/minute", "5/fortnight", "-1/day"],
    "login_rate_limit": ["", "10"],
    "cache_seconds": ["", "-1", "86401", "1.5", "\u0661", "1_0", "9" * 5000],
    "currency": ["", "usd", "EURO", "€"],
    "require_if_match": ["", "yes", "2"],
    "v1_sunset": ["soon", "31.12.2027", "2027-02-30"],
    "cors_origins": ["*", "app.example", "https://app.example/page"],
    "access_token_seconds": ["29", "86401"],
    "refresh_token_seconds": ["59", "31536001"],
    "unpaid_hours": ["0", "8761", "day"],
    "max_unpaid_orders": ["0", "1000001", "many"],
    "changes_days": ["0", "3651", "ever"],
    "allow_private_hooks": ["", "yes"],
    "log_level": ["info", "LOUD"],
    "log_format": ["xml"],
    "graphql_introspection": ["", "no"],
    "graphiql": ["", "page"],
    "grpc_certificate": ["not/there.pem", "/"],
    "grpc_key": ["not/there.pem"],
    "grpc_client_ca": ["not/there.pem"],
    "grpc_reflection": ["", "maybe"],
    "threads": ["0", "65", "all"],
    "metrics_port": ["0", "65536", "localhost:9100"],
    "workers": ["0", "65", "auto"],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _bare(bare_environment):
    """Ignore the SHOP_ variables of the environment that runs the tests."""


def read_with(**settings: str) -> Settings:
    return read_settings(
        {"SHOP_SECRET_KEY": KEY, **{get_variable_name(name): text for name, text in settings.items()}}
    )


def catch_refusal(**settings: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read_with(**settings)
    return str(caught.value)


@pytest.mark.parametrize(("name", "text", "meant"), GOOD)
def test_a_setting_holds_what_was_meant(name, text, meant):
    assert getattr(read_with(**{name: text}), name) == meant


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_a_wrong_setting_is_refused_with_its_name_and_what_is_allowed(name, text):
    allowed = {each.name: each.metadata["allowed"] for each in fields(Settings)}[name]
    assert re.fullmatch(
        rf"{get_variable_name(name)} holds .+; allowed: {re.escape(allowed)}", catch_refusal(**{name: text})
    )


def test_every_setting_has_good_and_bad_examples_here():
    names = {each.name for each in fields(Settings)}
    assert (names, names) == ({name for name, *_ in GOOD}, set(BAD))


def test_a_refusal_shows_what_the_setting_held():
    assert catch_refusal(threads="all") == "SHOP_THREADS holds 'all'; allowed: 1 to 64"


@pytest.mark.parametrize("name", ["secret_key", "database_url", "redis_url"])
def test_a_refusal_never_shows_what_may_be_a_secret(name):
    assert "hunter2" not in catch_refusal(**{name: "http://u:hunter2@there"})


@pytest.mark.parametrize("environ", [{}, {"SHOP_SECRET_KEY": ""}, {"SHOP_SECRET_KEY": " "}])
def test_a_missing_key_is_named_with_the_way_to_make_one(environ):
    with pytest.raises(SettingsError, match=r"^SHOP_SECRET_KEY is missing; .+ \(`shop init` writes one\)$"):
        read_settings(environ)


def test_a_misspelled_setting_is_refused_and_the_right_one_named():
    assert catch_refusal(treads="4") == "SHOP_TREADS is not a setting; SHOP_THREADS is"


@pytest.mark.parametrize(
    "name", ["SHOP_PORT", "SHOP_SERVICE_HOST", "SHOP_PORT_8000_TCP_ADDR", "SHOP_TEST_REDIS_URL"]
)
def test_what_others_call_shop_is_left_alone(name):
    assert read_with(**{name.removeprefix("SHOP_").lower(): "tcp://10.0.0.1:8000"}).threads == 8


def test_variables_of_others_are_none_of_our_business():
    assert read_settings({"SHOP_SECRET_KEY": KEY, "SHOPPING": "x", "THREADS": "x"}).threads == 8


def test_settings_cannot_be_changed_once_read():
    with pytest.raises(FrozenInstanceError):
        read_with().threads = 4  # type: ignore[misc]


@pytest.mark.parametrize(
    ("module", "extra", "variable", "url"),
    [
        ("psycopg", "postgres", "SHOP_DATABASE_URL", "postgresql://db/shop"),
        ("redis", "redis", "SHOP_REDIS_URL", "redis://cache"),
        ("prometheus_client", "metrics", "SHOP_METRICS_PORT", "9100"),
    ],
)
def test_a_missing_extra_is_named_with_the_line_that_installs_it(module, extra, variable, url):
    code = f"""
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name == {module!r} else find(name, *rest)
from shop.settings import SettingsError, read_settings
try:
    read_settings({{"SHOP_SECRET_KEY": {KEY!r}, {variable!r}: {url!r}}})
except SettingsError as error:
    sys.stdout.write(str(error))
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output == f"{variable}: this needs an extra that is not installed: pip install '.[{extra}]'"


def test_a_relative_database_is_a_file_of_the_folder_one_stands_in(empty_folder):
    assert read_with(database_url="sqlite:///shop.db").database_url == f"sqlite:///{empty_folder}/shop.db"


def test_a_dotenv_file_is_read(empty_folder):
    (empty_folder / ".env").write_text(f"SHOP_SECRET_KEY='{KEY}'  # mine\nexport SHOP_THREADS=3\n")
    assert (read_settings().secret_key, read_settings().threads) == ((KEY,), 3)


def test_the_environment_wins_over_a_dotenv_file(empty_folder, monkeypatch):
    (empty_folder / ".env").write_text(f"SHOP_SECRET_KEY={KEY}\nSHOP_THREADS=3\n")
    monkeypatch.setenv("SHOP_THREADS", "4")
    assert read_settings().threads == 4


def test_nothing_in_a_dotenv_file_is_expanded(empty_folder, monkeypatch):
    monkeypatch.setenv("w", "expanded")
    (empty_folder / ".env").write_text(
        f"SHOP_SECRET_KEY={KEY}\nSHOP_DATABASE_URL=postgresql://u:p${{w}}@db/shop\n"
    )
    assert "expanded" not in read_settings().database_url


def test_an_unknown_setting_in_a_dotenv_file_is_refused(empty_folder):
    (empty_folder / ".env").write_text("SHOP_TREADS=3\n")
    with pytest.raises(SettingsError, match="SHOP_TREADS is not a setting"):
        read_settings()


def test_a_dotenv_file_that_is_not_text_is_refused(empty_folder):
    (empty_folder / ".env").write_bytes(b"SHOP_SECRET_KEY=\xff\xfe\n")
    with pytest.raises(SettingsError, match=r"^\.env is not text in UTF-8$"):
        read_settings()


def test_the_example_names_every_setting_with_its_default():
    assert dotenv_values(EXAMPLE, interpolate=False) == DEFAULTS


def test_the_example_has_one_line_of_comment_above_every_setting():
    lines = EXAMPLE.read_text().splitlines()
    assert [line[:1] for line in lines] == ["#", "S"] * len(DEFAULTS)


def test_the_example_works_once_a_key_is_filled_in(empty_folder):
    (empty_folder / ".env").write_text(EXAMPLE.read_text().replace("SECRET_KEY=", f"SECRET_KEY={KEY}"))
    assert read_settings() == read_settings({"SHOP_SECRET_KEY": KEY})
