"""Counters in memory count like those of Redis: up to the end of a window, and from nothing in the next."""

import time

from hypothesis import given
from hypothesis import strategies as st

from shop.doors.rest import counters
from shop.doors.rest.counters import Counters

KEYS, AMOUNTS = st.sampled_from("abc"), st.integers(-3, 5)


@given(st.lists(st.tuples(KEYS, AMOUNTS)))
def test_each_key_counts_for_itself_and_never_below_nothing(hits):
    store, expected = Counters(), {}
    for key, amount in hits:
        store.incr(key, 60, amount)
        expected[key] = max(0, expected.get(key, 0) + amount)
    assert {key: store.get(key) for key in expected} == expected


def test_a_window_that_is_over_counts_for_nothing():
    store = Counters()
    store.incr("a", 0.01)
    time.sleep(0.02)
    assert (store.get("a"), store.incr("a", 60)) == (0, 1)


def test_a_window_ends_when_it_was_said_however_often_it_is_hit():
    store = Counters()
    store.incr("a", 60)
    end = store.get_expiry("a")
    store.incr("a", 60)
    assert store.get_expiry("a") == end


def test_what_is_over_does_not_stay(monkeypatch):
    monkeypatch.setattr(counters, "MANY", 10)
    store = Counters()
    store.room = 10
    for number in range(100):
        store.incr(str(number), 0)
    assert len(store.windows) <= 20
