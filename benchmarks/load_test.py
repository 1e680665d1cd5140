"""A load test with thresholds: visitors follow links from one URL, and the exit code is the verdict.

python -m benchmarks.load_test URL --p95 50 --errors 0 [--seconds 30] [--connections 16] [--username NAME]
"""

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from click import echo, prompt

from benchmarks.report import build_table
from benchmarks.visitor import TIMEOUT, Answers, Visitor
from shop.client import Client, Problem
from shop.client.client import CONNECTION_ERRORS

PASSWORD_VARIABLE = "LOAD_TEST_PASSWORD"  # noqa: S105


class Login:
    """One login for all visitors, because logging in costs the server more than reading."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.client, self.lock = Client(url), threading.Lock()
        self.client.login(username, password)

    def build_headers(self) -> dict[str, str]:
        with self.lock:
            if time.monotonic() > self.client.refresh_at:
                with suppress(Problem, *CONNECTION_ERRORS):  # what is refused then is counted as an error
                    self.client.refresh()
            return {"Authorization": f"Bearer {self.client.tokens['access_token']}"}


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.load_test", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("url", help="where to begin: the home of the API")
    parser.add_argument(
        "--p95", type=float, metavar="MS", help="the 95th percentile in milliseconds, at most"
    )
    parser.add_argument(
        "--p99", type=float, metavar="MS", help="the 99th percentile in milliseconds, at most"
    )
    parser.add_argument("--errors", type=float, metavar="PERCENT", help="of the requests, at most")
    parser.add_argument("--rate", type=float, metavar="COUNT", help="answers a second, at least")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--username", help="log in and read orders too")
    parser.add_argument("--password", help=f"else that of {PASSWORD_VARIABLE}, else it is asked for")
    parser.add_argument("--count-429", action="store_true", help="count 429 as an error, and do not wait")
    options = parser.parse_args(arguments)
    if not is_web_url(options.url):
        parser.error("the URL has to begin with http:// or https:// and to name a server")
    if options.seconds <= 0 or options.connections < 1:
        parser.error("--seconds and --connections have to be more than 0")
    return options


def is_web_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 1 where a threshold is missed or nothing was answered."""
    options = parse_arguments(arguments)
    try:
        authorize = log_in(options)
    except KeyError as name:
        echo(f"cannot log in: the home has no link {name}", err=True)
        return 1
    except (Problem, *CONNECTION_ERRORS) as error:
        echo(f"cannot log in: {error}", err=True)
        return 1
    answers, seconds = run_visitors(options, authorize)
    echo(build_report(answers, seconds))
    missed = find_missed(options, answers, seconds)
    for reason in missed:
        echo(f"missed: {reason}", err=True)
    return int(bool(missed))


def log_in(options: argparse.Namespace) -> Callable[[], dict[str, str]]:
    if not options.username:
        return dict
    password = options.password or os.environ.get(PASSWORD_VARIABLE) or prompt("Password", hide_input=True)
    return Login(options.url, options.username, password).build_headers


def run_visitors(
    options: argparse.Namespace, authorize: Callable[[], dict[str, str]]
) -> tuple[Answers, float]:
    """Return what all visitors measured, and the seconds that it took."""
    began = time.monotonic()
    visitors = [
        Visitor(options.url, began + options.seconds, authorize, counts_refusals=options.count_429)
        for _ in range(options.connections)
    ]
    threads = [threading.Thread(target=visitor.visit_repeatedly, daemon=True) for visitor in visitors]
    for thread in threads:
        thread.start()
    answers, last = Answers(), began + options.seconds + TIMEOUT + 1
    for visitor, thread in zip(visitors, threads, strict=True):
        thread.join(max(0, last - time.monotonic()))
        answers.add(visitor.answers)
        if thread.is_alive():
            answers.errors["all", "the answer did not end"] += 1
    return answers, time.monotonic() - began


def get_percentile(times: Sequence[float], percent: int) -> float:
    """Return the time that so many percent of the requests stay under; infinite if there are none."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] if ordered else float("inf")


def build_report(answers: Answers, seconds: float) -> str:
    rels = list(dict.fromkeys([*answers.times, *(rel for rel, _ in answers.errors)]))
    rows = {rel: build_row(answers.times.get(rel, []), answers.count_errors(rel), seconds) for rel in rels}
    every = [took for times in answers.times.values() for took in times]
    rows["all"] = build_row(every, answers.errors.total(), seconds)
    columns = ["answers", "a second", "median ms", "p95 ms", "p99 ms", "errors"]
    lines = [build_table("link", columns, rows)]
    lines += [f"{rel}: {reason} ({count} times)" for (rel, reason), count in answers.errors.items()]
    if answers.waits:
        lines.append(f"waited after 429: {answers.waits.total()} times, not in the table")
    return "\n".join(lines)


def build_row(times: Sequence[float], errors: int, seconds: float) -> list[str]:
    percentiles = [f"{get_percentile(times, percent):.1f}" for percent in (50, 95, 99)]
    return [f"{len(times):,}", f"{len(times) / seconds:,.1f}", *percentiles, f"{errors:,}"]


def find_missed(options: argparse.Namespace, answers: Answers, seconds: float) -> list[str]:
    """Return a sentence for each threshold that was missed."""
    times = [took for each in answers.times.values() for took in each]
    share = answers.errors.total() / max(1, answers.tried) * 100
    found = [] if times else ["no request was answered"]
    for percent, limit in ((95, options.p95), (99, options.p99)):
        if limit is not None and (value := get_percentile(times, percent)) > limit:
            found.append(f"the {percent}th percentile is {value:.1f} ms, more than {limit:g} ms")
    if options.errors is not None and share > options.errors:
        found.append(f"{share:.2f} % of the requests failed, more than {options.errors:g} %")
    if options.rate is not None and (rate := len(times) / seconds) < options.rate:
        found.append(f"{rate:.1f} answers a second, fewer than {options.rate:g}")
    return found


if __name__ == "__main__":
    sys.exit(main())
