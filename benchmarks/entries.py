"""What takes part: how each contestant is filled, started and logged in, and which workloads it plays.

Every choice favours the other frameworks: no access log, no token checked on orders and lists, prices as
floats, persistent connections, a database connection for each of the sixteen, no warnings about the queue,
uvicorn on uvloop and httptools. The shop runs with all its features.
"""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import peers
from benchmarks.contestants import ours

CONSTANT = ("one product", "list of 20")
FIRST_TIME = ("list, first time",)
CATALOGUE = (*CONSTANT, "list, logged in", "filtered search", "conditional GET", "read mix", "checkout")
ALL = (*CONSTANT, *FIRST_TIME, "list, logged in", "own order", "filtered search", "conditional GET",
       "read mix", "read, write, log in", "checkout")  # fmt: skip
HERE = "benchmarks.contestants"
WAITRESS = "-m waitress --threads=4 --listen=127.0.0.1:{port}"
UVICORN = "-m uvicorn --loop=uvloop --http=httptools --no-access-log --log-level=warning --port={port}"
FASTAPI = f"{UVICORN} {HERE}.fastapi_sqlalchemy:app"
FASTAPI_NEEDS = ("fastapi", "uvicorn", "uvloop", "httptools")
GUNICORN = "-m gunicorn --worker-class=gthread --threads=4 --bind=127.0.0.1:{port}"
QUICK = ("shop", "fastapi", "fastapi-links", "fastapi-plain", "wsgi")


@dataclass(frozen=True)
class Contestant:
    title: str
    command: str
    plays: tuple[str, ...] = CATALOGUE
    needs: tuple[str, ...] = ()
    root: str = ""
    fill: Callable[[str, int], None] = peers.fill_database  # of the database at this URL
    settings: Callable[[str], dict[str, str]] = peers.build_settings
    headers: Callable[[str], dict[str, str]] = peers.build_headers
    own_order: Callable[[str, dict[str, str], int], str] = peers.find_own_order


@dataclass(frozen=True)
class Shop(Contestant):
    root: str = "/api/v1"
    fill: Callable[[str, int], None] = ours.fill
    settings: Callable[[str], dict[str, str]] = ours.settings
    headers: Callable[[str], dict[str, str]] = ours.log_in
    own_order: Callable[[str, dict[str, str], int], str] = ours.place_own_order


CONTESTANTS = {
    "shop": Shop("this shop", "-m shop.cli serve --port={port}", ALL),
    "pair": Shop("this shop, two workers", "-m shop.cli serve --port={port} --workers=2", ALL),
    "fastapi": Contestant(
        "FastAPI + SQLAlchemy", FASTAPI, tuple(name for name in ALL if name not in FIRST_TIME), FASTAPI_NEEDS
    ),
    "fastapi-links": Contestant("FastAPI, total and links", FASTAPI, FIRST_TIME, FASTAPI_NEEDS, "/linked"),
    "fastapi-plain": Contestant("FastAPI, no total, no links", FASTAPI, FIRST_TIME, FASTAPI_NEEDS, "/plain"),
    "drf": Contestant(
        "Django REST framework", f"{GUNICORN} {HERE}.drf:application", (*CATALOGUE, *FIRST_TIME),
        ("rest_framework", "gunicorn"),
    ),
    "smorest": Contestant(
        "flask-smorest, textbook", f"{WAITRESS} {HERE}.smorest:app", (*CATALOGUE, *FIRST_TIME, "own order")
    ),
    "flask": Contestant("Flask, constant answer", f"{WAITRESS} {HERE}.flask_constant:app", CONSTANT),
    "wsgi": Contestant("bare WSGI, constant answer", f"{WAITRESS} {HERE}.bare:app", CONSTANT),
}  # fmt: skip
