"""Fixtures of all tests: a shop, clients of it, users and products."""

import io
import logging
import os
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from shop.app import create_app, find_migrations
from shop.cli import main
from shop.cli.migrations import upgrade_database
from shop.domain import passwords
from shop.domain.product import Product
from shop.domain.user import CUSTOMER
from shop.model.entity import Base
from shop.model.moves import STAFF
from shop.observability.logging import LIBRARY_LOGGERS
from shop.services import tokens, users
from shop.settings import Settings, read_settings
from shop.storage.migration_state import list_revisions
from shop.storage.transactions import Actor, Context
from tests import servers
from tests.v2_client import V2Client

ALL_BACKENDS, SQLITE_FOLDERS = ["sqlite", "postgresql", "v2"], ("promises", "graphql")
KEY = "kV9s0dGq3mXw7Zr1tYb5nPc8hJf2uLe4"
PASSWORD = "walnut-and-brass"
OPERATOR = Actor(0, STAFF, "")
HEAD, *BEFORE = list_revisions(find_migrations())  # the newest migration, and those before it


def settings_for(url: str, **more: str) -> Settings:
    values = {"secret_key": KEY, "database_url": url, "log_level": "WARNING", "rate_limit": "1000000/minute",
              "login_rate_limit": "1000000/minute", "max_unpaid_orders": "1000000", **more}  # fmt: skip
    return read_settings({f"SHOP_{name.upper()}": value for name, value in values.items()})


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    with servers.redis() as url:
        yield url


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> str:
    """What the shop of a test runs on: v1 on either database, or v2 on SQLite."""
    return request.param


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test on every backend, unless its module sets BACKENDS or its folder is in SQLITE_FOLDERS.

    There is only one `backend` fixture, because a second one of the same name would keep the shop of the first.
    """
    if "backend" in metafunc.fixturenames:
        folder = metafunc.definition.path.parent.name
        backends = getattr(
            metafunc.module, "BACKENDS", ["sqlite"] if folder in SQLITE_FOLDERS else ALL_BACKENDS
        )
        metafunc.parametrize("backend", backends, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On v2, run only the tests of the REST door, without those that are about v1 itself."""
    items[:] = [item for item in items if not is_for_v2(item) or can_run_on_v2(item)]


def is_for_v2(item: pytest.Item) -> bool:
    return hasattr(item, "callspec") and item.callspec.params.get("backend") == "v2"


def can_run_on_v2(item: pytest.Item) -> bool:
    return item.path.parent.name in ("rest", "journeys") and not item.get_closest_marker("v1")


@pytest.fixture(scope="session")
def database_url(
    backend: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The URL of an empty database."""
    if backend != "postgresql":
        yield f"sqlite:///{tmp_path_factory.mktemp('shop') / 'shop.db'}"
    else:
        with fresh_postgres(request.getfixturevalue("postgres")) as url:
            yield url


class fresh_postgres:  # noqa: N801
    """A new database on a PostgreSQL server, dropped afterwards."""

    def __init__(self, server: str) -> None:
        self.server = make_url(server).set(drivername="postgresql+psycopg")
        self.name = f"shop_{uuid.uuid4().hex[:12]}"

    def run(self, statement: str) -> None:
        engine = create_engine(self.server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def __enter__(self) -> str:
        self.run(f"CREATE DATABASE {self.name}")
        return self.server.set(database=self.name).render_as_string(hide_password=False)

    def __exit__(self, *_: object) -> None:
        self.run(f"DROP DATABASE {self.name} WITH (FORCE)")


@pytest.fixture(scope="session")
def shops(database_url: str, backend: str) -> Iterator[Callable[..., Flask]]:
    """Builds shops on this database, with other settings."""
    apps = []

    def make(**settings: str) -> Flask:
        app = create_app(settings_for(database_url, **settings))
        apps.append(app)
        if backend == "v2":
            app.test_client_class = V2Client
        return app

    yield make
    for app in apps:
        app.extensions["shop"].change_listener.stop()


@pytest.fixture(scope="session")
def migrated_app(shops: Callable[..., Flask]) -> Flask:
    app = shops()
    with app.app_context():
        upgrade_database()
    return app


def empty_database(app: Flask) -> None:
    with app.app_context():
        engine = app.extensions["shop"].engine
    names = [table.name for table in reversed(Base.metadata.sorted_tables)]
    if engine.dialect.name == "postgresql":
        empty_postgres(engine, names)
    else:
        with engine.begin() as connection:
            for name in [*names, "sqlite_sequence"]:
                connection.execute(text(f"DELETE FROM {name}"))


def empty_postgres(engine: Engine, names: list[str]) -> None:
    """Empty the tables; a reader in the background that meets them in another order ends as a deadlock."""
    for _ in range(3):
        with suppress(OperationalError), engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {', '.join(names)} RESTART IDENTITY CASCADE"))
            return
    raise RuntimeError("The tables were in use.")


@pytest.fixture
def app(migrated_app: Flask) -> Flask:
    """A shop with empty tables."""
    empty_database(migrated_app)
    return migrated_app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def variant(app: Flask, shops: Callable[..., Flask]) -> Callable[..., Flask]:
    """Builds the same empty shop with other settings."""
    return shops


@dataclass
class Person:
    """A client of the API, with or without an account."""

    client: FlaskClient
    id: int = 0
    username: str = ""
    tokens: dict[str, Any] = field(default_factory=dict)

    def call(self, method: str, url: str, **kwargs: Any) -> Any:
        headers = {**self.headers, **kwargs.pop("headers", {})}
        return self.client.open(url, method=method, headers=headers, **kwargs)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"} if self.tokens else {}

    def get(self, url: str, **kwargs: Any) -> Any:
        return self.call("GET", url, **kwargs)

    def post(self, url: str, json: Any = None, **kwargs: Any) -> Any:
        return self.call("POST", url, json={} if json is None and "data" not in kwargs else json, **kwargs)

    def put(self, url: str, json: Any, **kwargs: Any) -> Any:
        return self.call("PUT", url, json=json, **kwargs)

    def patch(self, url: str, json: Any, **kwargs: Any) -> Any:
        return self.call("PATCH", url, json=json, **kwargs)

    def delete(self, url: str, **kwargs: Any) -> Any:
        return self.call("DELETE", url, **kwargs)


HASH = passwords.hash_password(PASSWORD)


def enroll_user(app: Flask, username: str, role: str) -> tuple[int, dict[str, Any]]:
    """Add a user and return its id and tokens; the password is hashed only once for all."""
    with app.app_context():
        ctx = Context(app.extensions["sqlalchemy"].session(), OPERATOR)
        data = {"username": username, "email": f"{username}@shop.example", "password_hash": HASH}
        id = users.add_user(ctx, data, role).id
        return id, asdict(tokens.open_login(ctx, app.extensions["shop"].signer, id))


def login(client: FlaskClient, username: str) -> dict[str, Any]:
    return client.post("/api/v1/tokens", json={"username": username, "password": PASSWORD}).json


@pytest.fixture
def person(app: Flask) -> Callable[..., Person]:
    def make(username: str, role: str = CUSTOMER, at: Flask = app) -> Person:
        id, pair = enroll_user(app, username, role)
        return Person(at.test_client(), id, username, pair)

    return make


@pytest.fixture
def anonymous(client: FlaskClient) -> Person:
    return Person(client)


@pytest.fixture
def customer(person: Callable[..., Person]) -> Person:
    return person("ada")


@pytest.fixture
def staff(person: Callable[..., Person]) -> Person:
    return person("grace", STAFF)


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    with app.app_context():
        yield app.extensions["sqlalchemy"].session()


@pytest.fixture
def statements(app: Flask) -> Iterator[list[str]]:
    """The statements that are sent to the database."""
    with app.app_context():
        engine = app.extensions["shop"].engine
    sent: list[str] = []

    def record(*event_arguments: Any) -> None:
        sent.append(event_arguments[2])

    event.listen(engine, "before_cursor_execute", record)
    yield sent
    event.remove(engine, "before_cursor_execute", record)


@pytest.fixture
def product(app: Flask) -> Callable[..., int]:
    """Adds a product to the catalogue and returns its id."""

    def make(name: str = "Walnut desk", description: str = "", price: int = 24900, stock: int = 12) -> int:
        with app.app_context():
            db = app.extensions["sqlalchemy"].session
            made = Product(name=name, description=description, price=price, stock=stock)
            db.add(made)
            db.commit()
            return made.id

    return make


@pytest.fixture
def desk(product: Callable[..., int]) -> str:
    """The URL of a walnut desk."""
    return f"/api/v1/products/{product()}"


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SHOP_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def isolated_logging() -> Iterator[None]:
    """Lets a shop log to the stderr of the test; restores the loggers afterwards."""
    loggers = [logging.getLogger(name) for name in ("shop", *LIBRARY_LOGGERS)]
    saved = [(each.handlers, each.propagate, each.level) for each in loggers]
    yield
    for each, (handlers, propagate, level) in zip(loggers, saved, strict=True):
        each.handlers, each.propagate = handlers, propagate
        each.setLevel(level)


@dataclass(frozen=True)
class CommandResult:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(
    empty_folder: Path,
    bare_environment: None,
    isolated_logging: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., CommandResult]:
    """Runs the `shop` command in this process, because a new one would take a second to start."""

    def call(*args: Any, stdin: bytes = b"", **settings: str | None) -> CommandResult:
        for name, value in {"secret_key": KEY, **settings}.items():
            monkeypatch.delenv(f"SHOP_{name.upper()}", raising=False)
            if value is not None:
                monkeypatch.setenv(f"SHOP_{name.upper()}", value)
        monkeypatch.setattr(sys, "argv", ["shop", *map(str, args)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        return CommandResult(code, *capsys.readouterr())

    return call


@pytest.fixture
def first_url(app: Flask, backend: str) -> Iterator[str]:
    """The only URL that a journey knows: the root of the same shop, served on a socket."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/" + ("api/v2/" if backend == "v2" else "")
    finally:
        server.shutdown()
        thread.join()


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def grpc_clients() -> Iterator[Callable[[str], Any]]:
    """Returns the client of a database's `shop grpc`, which is started for the first test that needs it."""
    from tests.grpc_client import GrpcClient, serving_grpc

    with ExitStack() as open_:
        yield cache(lambda url: GrpcClient(open_.enter_context(serving_grpc(url)).port))


@pytest.fixture
def grpc_client(app: Flask, grpc_clients: Callable[[str], Any]) -> Any:
    return grpc_clients(app.extensions["shop"].settings.database_url)
