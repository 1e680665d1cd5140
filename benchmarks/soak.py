"""Send mixed requests for a long time and print whether the memory of the server stays flat.

python -m benchmarks.soak --seconds 600
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from secrets import token_hex

import requests

from benchmarks.checkout import build_shop

CLIENTS, INTERVAL_SECONDS = 8, 10


def buy_repeatedly(root: str, headers: dict[str, str], stop: threading.Event, answers: Counter[int]) -> None:
    with requests.Session() as session:
        while not stop.is_set():
            body = {"items": [{"product_id": 1, "quantity": 1}]}
            keyed = {**headers, "Idempotency-Key": token_hex(8)}
            for answer in (
                session.get(f"{root}/products?q=desk", timeout=30),
                session.post(f"{root}/orders", json=body, headers=keyed, timeout=30),
                requests.get(f"{root}/orders", headers=headers, timeout=30),
                session.get(f"{root}/nowhere", timeout=30),
            ):
                answers[answer.status_code] += 1


def send_unique_requests(root: str, stop: threading.Event, answers: Counter[int]) -> None:
    """Send requests that are all different: refusals, forms, URLs, media types, tokens, hosts and queries."""
    forms = {"Accept": "application/prs.hal-forms+json"}
    with requests.Session() as session:
        for number in itertools.count():
            if stop.is_set():
                return
            query = {"query": f"{{ a{number}: shop {{ name }} }}"}
            for answer in (
                session.get(f"{root}/orders?per_page={number % 99 + 1}", timeout=30),
                session.get(f"{root}/", headers=forms, timeout=30),
                session.get(f"{root}/nowhere/{number}", timeout=30),
                session.get(f"{root}/", headers={"Accept": f"application/x-{number}, */*;q=0.5"}, timeout=30),
                session.get(f"{root}/", headers={"Authorization": f"Bearer a.b{number}.c"}, timeout=30),
                session.get(f"{root}/", headers={"Host": f"shop{number}.example"}, timeout=30),
                session.get(f"{root}/products?q=word{number}", timeout=30),
                session.post(root.removesuffix("/api/v1") + "/graphql", json=query, timeout=30),
            ):
                answers[answer.status_code] += 1


def read_memory(pid: int) -> float:
    """Return the anonymous memory of this process in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


def start_server(url: str, port: int, key: str) -> subprocess.Popen[bytes]:
    settings = {"SHOP_SECRET_KEY": key, "SHOP_DATABASE_URL": url, "SHOP_LOG_LEVEL": "ERROR",
                "SHOP_RATE_LIMIT": "1000000/second", "SHOP_MAX_UNPAID_ORDERS": "1000000",
                "SHOP_ACCESS_TOKEN_SECONDS": "86400"}  # fmt: skip
    command = [sys.executable, "-m", "shop.cli", "serve", "--port", str(port)]
    return subprocess.Popen(command, env=os.environ | settings)  # noqa: S603


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--port", type=int, default=8765)
    chosen = parser.parse_args()
    root = f"http://127.0.0.1:{chosen.port}/api/v1"
    with tempfile.TemporaryDirectory() as folder:
        url = build_shop(folder).config["SQLALCHEMY_DATABASE_URI"]
        server = start_server(url, chosen.port, token_hex(32))
        try:
            soak(root, server.pid, chosen.seconds)
        finally:
            server.terminate()
            server.wait(30)


def register_account(root: str) -> dict[str, str]:
    body = {"username": "grace", "password": token_hex(12), "email": "grace@shop.example"}
    while True:
        try:
            requests.post(f"{root}/users", json=body, timeout=5)
            break
        except requests.ConnectionError:
            time.sleep(0.2)
    del body["email"]
    token = requests.post(f"{root}/tokens", json=body, timeout=5).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


def soak(root: str, pid: int, seconds: int) -> None:
    headers, stop, answers = register_account(root), threading.Event(), Counter[int]()
    threads = [
        threading.Thread(target=buy_repeatedly, args=(root, headers, stop, answers)) for _ in range(CLIENTS)
    ]
    threads.append(threading.Thread(target=send_unique_requests, args=(root, stop, answers)))
    for thread in threads:
        thread.start()
    began, found = time.monotonic(), []
    while time.monotonic() - began < seconds:
        time.sleep(INTERVAL_SECONDS)
        found.append(read_memory(pid))
        print(f"{time.monotonic() - began:5.0f} s {found[-1]:7.1f} MiB {sum(answers.values()):8} answers")  # noqa: T201
    stop.set()
    for thread in threads:
        thread.join()
    third = max(1, len(found) // 3)
    middle, last = found[third : 2 * third] or found, found[-third:]
    growth = sum(last) / len(last) - sum(middle) / len(middle)
    print(f"answers {dict(answers)}; growth from the second third to the last: {growth:+.1f} MiB")  # noqa: T201


if __name__ == "__main__":
    main()
