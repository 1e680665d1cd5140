"""nginx with the configuration of deploy/; only addresses and paths are changed."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.running import Process
from tests.servers import find_free_port, wait_for_port

CONF = Path(__file__).parent.parent / "deploy" / "nginx.conf"


@contextmanager
def start_nginx(folder: Path, nodes: list[Process], conf: str = "") -> Iterator[str]:
    """Start nginx and yield its URL."""
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    port = find_free_port()
    text = (conf or CONF.read_text()).replace("listen 8080", f"listen 127.0.0.1:{port}")
    for name, node in zip(("shop1", "shop2"), (nodes * 2)[:2], strict=True):
        text = text.replace(f"{name}:8000", f"127.0.0.1:{node.port}")
    # The load of the tests comes from one address and stands for many clients.
    text = text.replace("map $remote_addr $client {", 'map $remote_addr $client { 127.0.0.1 "";')
    text = text.replace("/tmp/", f"{folder}/").replace("/etc/nginx/tls", str(folder))
    (folder / "nginx.cnf").write_text(text)
    user = "user root; " if os.geteuid() == 0 else ""
    command = ["nginx", "-p", folder, "-c", folder / "nginx.cnf", "-g", f"{user}daemon off;"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for_port(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
