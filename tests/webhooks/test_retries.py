"""When a message is sent again."""

from datetime import timedelta

import pytest

from shop.webhooks.retries import DELAYS, MAX_JITTER, Outcome, compute_delay, limit_pause


def test_there_are_ten_attempts_in_more_than_three_days():
    assert (len(DELAYS), timedelta(days=3) < sum(DELAYS, timedelta()) < timedelta(days=4)) == (10, True)


@pytest.mark.parametrize("attempts", range(1, 10))
def test_a_delay_is_that_of_the_schedule_and_some_more(attempts):
    delays = {compute_delay(attempts) for _ in range(50)}
    longest = DELAYS[attempts] * (1 + MAX_JITTER)
    assert (len(delays) > 1, all(DELAYS[attempts] <= delay <= longest for delay in delays)) == (True, True)


def test_after_the_last_attempt_there_is_none():
    assert (compute_delay(10), compute_delay(11)) == (None, None)


@pytest.mark.parametrize(
    ("seconds", "pause"), [(None, 0), (0, 0), (90, 90), (86_400, 86_400), (999_999_999, 86_400)]
)
def test_a_pause_is_a_day_at_the_most(seconds, pause):
    assert limit_pause(seconds) == timedelta(seconds=pause)


def test_no_answer_is_a_failure():
    assert not Outcome(None, "It did not answer in time.", 15.0).is_success
