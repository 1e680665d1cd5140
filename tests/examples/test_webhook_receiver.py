"""The two receivers that we show: that of the guide and that of the examples, beside a running demo."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from shop.client.client import Client
from tests.servers import find_free_port, wait_for_port

BIN, GUIDE, EXAMPLE = (
    Path(sys.executable).parent,
    Path("docs/webhooks.md"),
    Path("examples/webhook_receiver.py"),
)
TIMEOUT = 20


@pytest.fixture(scope="module")
def demo():
    """The home of `shop demo`, and the password of its customer."""
    port = find_free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SHOP_")}
    command = [sys.executable, "-u", "-m", "shop.cli", "demo", "--port", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ
    ) as process:
        try:
            password = re.search(
                r"customer +password (\S+)", "".join(process.stdout.readline() for _ in range(4))
            )[1]
            wait_for_port(port)
            yield f"http://127.0.0.1:{port}/", password
        finally:
            process.terminate()


@contextmanager
def serve_receiver(app: Path, port: int, **environ: str):
    command = [BIN / "flask", "--app", app.absolute(), "run", "--port", str(port)]
    environ = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **environ}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=app.parent, env=environ
    ) as process:
        try:
            wait_for_port(port)
            yield process
        finally:
            process.terminate()


def read_event(process) -> str:
    return next(line for line in process.stdout if "hook." in line or "order." in line)


def write_guide_receiver(folder: Path, secret: str) -> Path:
    code = re.search(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)[1]
    (folder / "receiver.py").write_text(code.replace("whsec_…", secret))
    assert len(code.splitlines()) <= 20
    return folder / "receiver.py"


def copy_example(folder: Path, secret: str) -> Path:
    (folder / "receiver.py").write_text(EXAMPLE.read_text())
    return folder / "receiver.py"


@pytest.mark.parametrize("write", [write_guide_receiver, copy_example])
def test_a_receiver_is_told_of_an_order_by_links_and_forms_alone(demo, tmp_path, write):
    home, password = demo
    port = find_free_port()
    shop = Client(home)
    shop.login("customer", password)
    hook = shop.home().submit("subscribe", url=f"http://127.0.0.1:{port}/events", events=["*"])
    secret = hook["secret"]
    with serve_receiver(write(tmp_path, secret), port, SECRETS=f"whsec_AAAA {secret}") as process:
        hook.submit("ping")
        ping = read_event(process)
        next(shop.home().follow("products").items()).follow("self").submit("buy", quantity=1)
        order = read_event(process)
        forged = requests.post(
            f"http://127.0.0.1:{port}/events", b"{}", headers={"webhook-id": "x"}, timeout=5
        )
    assert ("hook.ping" in ping, re.search(r"order.placed http\S+/api/orders/\d+", order) is not None) == (
        True,
        True,
    )
    assert forged.status_code == 400
