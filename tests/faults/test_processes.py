"""Workers are killed and the server is stopped while many clients buy."""

import http.client
import os
import signal
import threading

import psutil

from tests.load import buying, wait_until
from tests.running import serving

CLIENTS = 12


def test_a_worker_that_is_killed_fails_no_request_of_another(sqlite_shop):
    with serving(sqlite_shop.url, SHOP_WORKERS="2") as (shop,):
        assert wait_until(lambda: len(shop.workers()) == 2)
        over, failed, clients = threading.Event(), set(), []
        for _ in range(CLIENTS):
            clients.append(http.client.HTTPConnection("127.0.0.1", shop.port, timeout=5))
            send_request(clients[-1])
        threads = [threading.Thread(target=keep_sending, args=(each, over, failed)) for each in clients]
        [thread.start() for thread in threads]
        victim, survivor = sorted(shop.workers(), key=lambda pid: len(find_client_ports(pid)))
        spared = find_client_ports(survivor) & {each.sock.getsockname()[1] for each in clients}
        os.kill(victim, signal.SIGKILL)
        assert wait_until(lambda: len(shop.workers()) == 2 and victim not in shop.workers())
        over.set()
        [thread.join() for thread in threads]
    assert spared
    assert failed & spared == set()


def find_client_ports(pid: int) -> set[int]:
    """Return the ports of the clients that are connected to this worker."""
    connections = psutil.Process(pid).net_connections("tcp")
    return {each.raddr.port for each in connections if each.raddr}


def send_request(client: http.client.HTTPConnection) -> None:
    client.request("GET", "/api/v1/products")
    client.getresponse().read()


def keep_sending(client: http.client.HTTPConnection, over: threading.Event, failed: set[int]) -> None:
    port = client.sock.getsockname()[1]
    while not over.is_set():
        try:
            send_request(client)
        except (OSError, http.client.HTTPException):
            failed.add(port)
            return


def test_workers_killed_one_after_the_other_lose_no_order(sqlite_shop):
    with (
        serving(sqlite_shop.url, SHOP_WORKERS="2") as (shop,),
        buying([shop.root], sqlite_shop.token) as buyers,
    ):
        for _ in range(3):
            assert wait_until(lambda: len(shop.workers()) == 2)
            os.kill(shop.workers()[0], signal.SIGKILL)
            assert buyers.can_buy()
    assert buyers.find_flaws(sqlite_shop, cut=True) == []


def test_a_server_that_is_told_to_stop_fails_no_request_in_flight(sqlite_shop):
    with (
        serving(sqlite_shop.url, SHOP_WORKERS="2") as (shop,),
        buying([shop.root], sqlite_shop.token) as buyers,
    ):
        assert shop.stop() == 0
        shop.start()
        assert buyers.can_buy()
    assert [each for each in buyers.broken if "refused" not in each] == []
    assert buyers.find_flaws(sqlite_shop, cut=True) == []
