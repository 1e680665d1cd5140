"""Counters in memory count like those of Redis: up to the end of a window, then again from zero."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import WindowStats, parse

from shop.hypermedia import rate_limit_counters
from shop.hypermedia.rate_limit_counters import MemoryCounters
from shop.hypermedia.rate_limits import count_seconds_left

KEYS, AMOUNTS = st.sampled_from("abc"), st.integers(-3, 5)


@given(st.lists(st.tuples(KEYS, AMOUNTS)))
def test_each_key_counts_for_itself_and_never_below_nothing(hits):
    store, expected = MemoryCounters(), {}
    for key, amount in hits:
        store.incr(key, 60, amount)
        expected[key] = max(0, expected.get(key, 0) + amount)
    assert {key: store.get(key) for key in expected} == expected


def test_a_window_that_is_over_counts_for_nothing():
    store = MemoryCounters()
    store.incr("a", 0.01)
    time.sleep(0.02)
    assert (store.get("a"), store.incr("a", 60)) == (0, 1)


def test_a_window_ends_when_it_was_said_however_often_it_is_hit():
    store = MemoryCounters()
    store.incr("a", 60)
    end = store.get_expiry("a")
    store.incr("a", 60)
    assert store.get_expiry("a") == pytest.approx(end, abs=0.01)


def test_what_is_over_does_not_stay(monkeypatch):
    monkeypatch.setattr(rate_limit_counters, "MIN_SWEEP", 10)
    store = MemoryCounters()
    store.room = 10
    for number in range(100):
        store.incr(str(number), 0)
    assert len(store.windows) <= 20


def test_a_clock_that_is_set_changes_no_window(monkeypatch):
    store = MemoryCounters()
    store.incr("a", 60)
    for hours in (-1, 1):
        now = time.time() + hours * 3600
        monkeypatch.setattr(rate_limit_counters, "time", lambda now=now: now)
        assert (store.get("a"), 59 < store.get_expiry("a") - now <= 60) == (1, True)


@pytest.mark.parametrize(("end", "seconds"), [(-3600, 1), (0, 1), (0.5, 1), (30.1, 31), (60, 60), (3661, 60)])
def test_seconds_left_are_at_least_one_and_never_more_than_the_window_has(monkeypatch, end, seconds):
    monkeypatch.setattr("shop.hypermedia.rate_limits.time", lambda: 1000.0)
    assert count_seconds_left(parse("5/minute"), WindowStats(1000 + end, 0)) == seconds


def test_there_are_never_more_than_so_many_windows(monkeypatch):
    monkeypatch.setattr(rate_limit_counters, "MIN_SWEEP", 10)
    monkeypatch.setattr(rate_limit_counters, "MAX_WINDOWS", 50)
    store = MemoryCounters()
    for number in range(1000):
        store.incr(str(number), 60 + number)
    assert (len(store.windows) <= 50, store.get("999"), store.get("0")) == (True, 1, 0)
