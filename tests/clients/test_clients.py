"""Clients that others wrote drive the shop as they are, from the root alone; what they did, they tell here."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from tests.clients.conftest import GOODS, HERE
from tests.conftest import PASSWORD

FOUND = {
    "ketting": "Brass lamp",
    "traverson": "Brass lamp",
    "halfred": "Pine stool",
    "halchemy": "Brass lamp",
    "contentgrid": "Brass lamp",
}
PYTHON = {"halchemy": ["-W", "error"], "contentgrid": []}  # the second warns of itself
Tour = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def tour(root: str, request: pytest.FixtureRequest) -> Tour:
    @cache
    def go(client: str) -> dict[str, Any]:
        if client in PYTHON:
            command = [sys.executable, *PYTHON[client], HERE / f"{client}_tour.py"]
        else:
            command = [request.getfixturevalue("node"), "--no-deprecation", HERE / f"{client}_tour.mjs"]
        plain = {"PASSWORD": PASSWORD, "HOME": "/nonexistent"}  # no proxy, no configuration of anybody
        ran = subprocess.run([*command, root], env=plain, capture_output=True, text=True, timeout=60)
        assert (ran.returncode, ran.stderr) == (0, "")
        return json.loads(ran.stdout)

    return go


each_client = pytest.mark.parametrize("client", FOUND)


@each_client
def test_a_client_sees_the_whole_catalogue(tour, client):
    assert tour(client)["browsed"] == GOODS


@each_client
def test_a_client_searches_by_the_templated_link(tour, client):
    assert tour(client)["found"] == [FOUND[client]]


@each_client
def test_a_client_logs_in_and_finds_itself(tour, client):
    assert tour(client)["me"] == "ada"


@each_client
def test_a_client_buys_what_it_found(tour, client):
    assert tour(client)["ordered"] == "placed"


@each_client
def test_a_client_cancels_its_order(tour, client):
    assert tour(client)["cancelled"] == "cancelled"


def test_ketting_searches_by_the_form(tour):
    assert tour("ketting")["found_by_form"] == ["Brass lamp"]


def test_ketting_loses_nobodys_update_though_it_knows_no_tags(tour):
    assert tour("ketting")["stale"] == 412


def test_ketting_is_led_out_of_a_lost_update(tour):
    assert tour("ketting")["way_out"]


def test_traverson_walks_through_the_orders_to_the_newest(tour):
    assert tour("traverson")["listed"] == "placed"


def test_halfred_validates_every_document_and_finds_no_issue(tour):
    assert tour("halfred")["issues"] == []


@pytest.mark.parametrize("script", sorted(path.name for path in HERE.glob("*tour*")))
def test_no_tour_spells_a_url(script):
    assert re.findall(r"https?:|['\"`]/", (HERE / script).read_text()) == []


def test_the_lock_names_no_place_that_packages_come_from():
    assert "resolved" not in (HERE / "package-lock.json").read_text()
