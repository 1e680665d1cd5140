"""The contestants: each is one module, written as the docs of its framework teach.

Every choice favours the other frameworks: no access log, no token to check, prices as floats,
persistent connections, no warnings about the queue, uvicorn on uvloop. The shop runs with all its features.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import goods
from benchmarks.contestants import ours

READS = ("one product", "list of 20")
ALL = (*READS, "list, logged in", "filtered search", "conditional GET", "read mix", "checkout")
HERE = "benchmarks.contestants"
WAITRESS = "-m waitress --threads=4 --listen=127.0.0.1:{port}"
UVICORN = "-m uvicorn --no-access-log --log-level=warning --port={port}"
GUNICORN = "-m gunicorn --worker-class=gthread --threads=4 --bind=127.0.0.1:{port}"


@dataclass(frozen=True)
class Contestant:
    title: str
    command: str
    plays: tuple[str, ...] = ALL
    needs: tuple[str, ...] = ()
    root: str = ""
    fill: Callable[[Path, int], object] = goods.fill_peer_database
    environ: Callable[[Path], dict[str, str]] = lambda path: {"BENCH_DATABASE": str(path)}
    headers: Callable[[str], dict[str, str]] = lambda root: {}


CONTESTANTS = {
    "shop": Contestant(
        "this shop", "-m shop.cli serve --port={port}", root="/api/v1",
        fill=ours.fill, environ=ours.environ, headers=ours.log_in,
    ),
    "pair": Contestant(
        "this shop, two workers", "-m shop.cli serve --port={port} --workers=2",
        ("one product", "list of 20", "list, logged in", "read mix", "checkout"), root="/api/v1",
        fill=ours.fill, environ=ours.environ, headers=ours.log_in,
    ),
    "fastapi": Contestant(
        "FastAPI + SQLAlchemy", f"{UVICORN} {HERE}.fastapi_sqlalchemy:app", needs=("fastapi", "uvicorn"),
    ),
    "drf": Contestant(
        "Django REST framework", f"{GUNICORN} {HERE}.drf:application", needs=("rest_framework", "gunicorn"),
    ),
    "smorest": Contestant("flask-smorest, textbook", f"{WAITRESS} {HERE}.smorest:app"),
    "flask": Contestant("Flask, constant answer", f"{WAITRESS} {HERE}.flask_constant:app", READS),
    "wsgi": Contestant("bare WSGI, constant answer", f"{WAITRESS} {HERE}.bare:app", READS),
}  # fmt: skip
