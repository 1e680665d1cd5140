"""Where the time of a request goes: the shop is asked in this process, without a server or a network.

python -m benchmarks.profile '/api/v1/products?sort=price' [--seconds 5] [--anew] [--tree]
"""

import argparse
import io
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from click import echo
from flask import Flask
from pyinstrument import Profiler
from pyinstrument.frame import Frame
from werkzeug.test import EnvironBuilder, run_wsgi_app

import shop
from benchmarks import goods
from benchmarks.contestants import ours
from shop.app import create_app
from shop.settings import read_settings

INTERVAL, SHOWN, WARM = 0.0005, 25, 200
SHOP, PYTHON = Path(shop.__file__).parent, Path(io.__file__).parent


def asker(app: Flask, path: str, anew: bool) -> Any:
    environ = EnvironBuilder(path=path).get_environ()

    def ask() -> int:
        if anew:
            app.wsgi_app.known.clear()
        _, status, _ = run_wsgi_app(app, environ | {"wsgi.input": io.BytesIO()}, buffered=True)
        return int(status.split()[0])

    return ask


def part(frame: Frame, caller: str) -> str:
    """Whose code it is: a library, or a module of the shop. What is built in belongs to who calls it."""
    place = Path(frame.file_path or "")
    if frame.function.startswith(("Cursor.", "Connection.")) and place.name == "<built-in>":
        return "sqlite3"
    if place.is_relative_to(SHOP):
        return str(place.relative_to(SHOP.parent))
    if "site-packages" in place.parts:
        return place.parts[place.parts.index("site-packages") + 1]
    return "python" if place.is_relative_to(PYTHON) else caller


def shares(frame: Frame, caller: str, found: Counter[str]) -> Counter[str]:
    """The time of each part, without that of what it calls."""
    called = [child for child in frame.children if not child.is_synthetic]
    name = part(frame, caller)
    found[name] += frame.time - sum(child.time for child in called)
    for child in called:
        shares(child, name, found)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile")
    parser.add_argument("path")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--products", type=int, default=1000)
    parser.add_argument("--anew", action="store_true", help="as if nobody had asked this before")
    parser.add_argument("--tree", action="store_true", help="who called whom, as pyinstrument draws it")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        url = ours.url(Path(folder) / "shop.db")
        goods.stocked(url, options.products)
        with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):  # the log is written, as ever
            app = create_app(read_settings(ours.settings(url)))
            profile(asker(app, options.path, options.anew), options)


def profile(ask: Any, options: argparse.Namespace) -> None:
    if (status := ask()) >= 400:
        raise SystemExit(f"{options.path} is answered with {status}")
    for _ in range(WARM):
        ask()
    count, end = 0, time.monotonic() + options.seconds
    with Profiler(interval=INTERVAL) as profiler:
        while time.monotonic() < end:
            ask()
            count += 1
    if options.tree:
        echo(profiler.output_text(unicode=True, show_all=True))
    show(profiler, options.path, count)


def show(profiler: Profiler, path: str, count: int) -> None:
    root = profiler.last_session.root_frame(trim_stem=False)
    echo(f"{path}: {root.time / count * 1e6:.0f} microseconds, {count} times\n")
    for name, seconds in shares(root, "this profile", Counter()).most_common(SHOWN):
        echo(f"{seconds / count * 1e6:8.1f}  {seconds / root.time:6.1%}  {name}")


if __name__ == "__main__":
    main()
