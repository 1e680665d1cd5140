"""Money is exact: amounts are never rounded."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.doors.rest.versions import V1, V2
from shop.model.money import MAX_MONEY, Currency

CURRENCIES = st.sampled_from([Currency("USD"), Currency("JPY"), Currency("KWD")])
AMOUNTS = st.integers(0, MAX_MONEY)


@given(CURRENCIES, AMOUNTS)
def test_an_amount_survives_the_way_out_and_in(currency, minor):
    assert currency.to_minor_units(currency.to_decimal(minor)) == minor


@given(CURRENCIES, AMOUNTS)
def test_an_amount_survives_both_notations(currency, minor):
    plain = (
        Decimal(repr(V1.write_money(minor, currency)))
        if currency.decimals
        else V1.write_money(minor, currency)
    )
    assert (V1.read_money(plain, currency), V2.read_money(V2.write_money(minor, currency), currency)) == (
        minor,
        minor,
    )


@given(CURRENCIES, AMOUNTS, st.integers(1, 9), st.integers(1, 20))
def test_what_is_finer_than_the_currency_is_refused(currency, minor, digit, places):
    finer = Decimal(
        f"{currency.to_decimal(minor):f}"
        + ("" if currency.decimals else ".")
        + "0" * (places - 1)
        + str(digit)
    )
    with pytest.raises(ValueError, match="decimals"):
        currency.to_minor_units(finer)


@given(st.integers(0, MAX_MONEY))
def test_an_amount_that_a_client_multiplied_is_that_amount(minor):
    assert V1.read_money(Decimal(repr(minor * 0.01)), Currency("USD")) == minor


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_no_number_whatever_breaks_the_reading_of_money(number):
    if number.is_finite():
        read = V1.read_money(number, Currency("USD"))
        assert not isinstance(read, int) or abs(read - number * 100) <= Decimal("1e-3")


@pytest.mark.parametrize("code", ["", "usd", "US", "DOLLAR", "U$D", "UDS"])
def test_a_currency_has_a_code_of_three_letters(code):
    with pytest.raises(ValueError, match="currency"):
        Currency(code)
