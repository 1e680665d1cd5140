"""Profile a request: where its time goes, in this process, without a server or a network.

python -m benchmarks.profile '/api/v1/products?sort=price' [--seconds 5] [--uncached] [--tree]
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


def build_request(app: Flask, path: str, uncached: bool) -> Any:
    environ = EnvironBuilder(path=path).get_environ()

    def send_request() -> int:
        if uncached:
            app.wsgi_app.known.clear()
        _, status, _ = run_wsgi_app(app, environ | {"wsgi.input": io.BytesIO()}, buffered=True)
        return int(status.split()[0])

    return send_request


def find_part(frame: Frame, caller: str) -> str:
    """Return the library or module that a frame belongs to; built-in code belongs to its caller."""
    place = Path(frame.file_path or "")
    if frame.function.startswith(("Cursor.", "Connection.")) and place.name == "<built-in>":
        return "sqlite3"
    if place.is_relative_to(SHOP):
        return str(place.relative_to(SHOP.parent))
    if "site-packages" in place.parts:
        return place.parts[place.parts.index("site-packages") + 1]
    return "python" if place.is_relative_to(PYTHON) else caller


def add_shares(frame: Frame, caller: str, found: Counter[str]) -> Counter[str]:
    """Add up the time of each part, without the time of what it calls."""
    called = [child for child in frame.children if not child.is_synthetic]
    name = find_part(frame, caller)
    found[name] += frame.time - sum(child.time for child in called)
    for child in called:
        add_shares(child, name, found)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile")
    parser.add_argument("path")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--products", type=int, default=1000)
    parser.add_argument(
        "--uncached", action="store_true", help="clear the response cache before each request"
    )
    parser.add_argument("--tree", action="store_true", help="also print the call tree of pyinstrument")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        url = ours.build_url(Path(folder) / "shop.db")
        goods.fill_shop(url, options.products)
        # The shop writes its log as usual, but here it is discarded.
        with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
            app = create_app(read_settings(ours.settings(url)))
            profile_request(build_request(app, options.path, options.uncached), options)


def profile_request(send_request: Any, options: argparse.Namespace) -> None:
    if (status := send_request()) >= 400:
        raise SystemExit(f"{options.path} is answered with {status}")
    for _ in range(WARM):
        send_request()
    count, end = 0, time.monotonic() + options.seconds
    with Profiler(interval=INTERVAL) as profiler:
        while time.monotonic() < end:
            send_request()
            count += 1
    if options.tree:
        echo(profiler.output_text(unicode=True, show_all=True))
    print_shares(profiler, options.path, count)


def print_shares(profiler: Profiler, path: str, count: int) -> None:
    root = profiler.last_session.root_frame(trim_stem=False)
    echo(f"{path}: {root.time / count * 1e6:.0f} microseconds, {count} times\n")
    for name, seconds in add_shares(root, "this profile", Counter()).most_common(SHOWN):
        echo(f"{seconds / count * 1e6:8.1f}  {seconds / root.time:6.1%}  {name}")


if __name__ == "__main__":
    main()
