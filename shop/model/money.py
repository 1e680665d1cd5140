"""Money as an integer of minor units, and currencies with their number of decimals."""

from decimal import Context, Decimal, Inexact, InvalidOperation

EXACT_CONTEXT = Context(prec=40, traps=[Inexact, InvalidOperation])
MAX_MONEY = 99_999_999_999  # of one price
MAX_TOTAL = 10**15 - 1  # JSON numbers represent totals up to this one exactly
# The currencies of ISO 4217 by their number of decimals.
NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
TWO_DECIMALS = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY
COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR
ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK
MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP
SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER
ZAR ZMW ZWG
"""
CURRENCY_CODES = frozenset(f"{NO_DECIMALS} {THREE_DECIMALS} {TWO_DECIMALS}".split())
DECIMALS_BY_CURRENCY = {**dict.fromkeys(NO_DECIMALS.split(), 0), **dict.fromkeys(THREE_DECIMALS.split(), 3)}


class Currency(str):
    """A currency code that converts between amounts and minor units."""

    decimals: int
    scale: int

    def __new__(cls, code: str) -> "Currency":
        if code not in CURRENCY_CODES:
            raise ValueError("not a currency code")
        currency = super().__new__(cls, code)
        currency.decimals = DECIMALS_BY_CURRENCY.get(code, 2)
        currency.scale = 10**currency.decimals
        return currency

    def to_minor_units(self, amount: Decimal | int) -> int:
        """Return the amount in minor units; raise ValueError if it would have to be rounded."""
        try:
            exact = Decimal(amount).quantize(Decimal(1).scaleb(-self.decimals), context=EXACT_CONTEXT)
        except (Inexact, InvalidOperation):
            raise ValueError(f"{self} has {self.decimals} decimals") from None
        return int(exact.scaleb(self.decimals))

    def to_decimal(self, minor: int) -> Decimal:
        return Decimal(minor).scaleb(-self.decimals)
