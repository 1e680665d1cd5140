"""Money is a whole number of minor units; a currency says how many make one."""

import re
from decimal import Context, Decimal, Inexact, InvalidOperation

EXACT = Context(prec=40, traps=[Inexact, InvalidOperation])
MAX = 99_999_999_999
# ISO 4217: every currency has two decimals but these.
NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THREE = "BHD IQD JOD KWD LYD OMR TND"
DECIMALS = {**dict.fromkeys(NONE.split(), 0), **dict.fromkeys(THREE.split(), 3)}


class Currency(str):
    """A code such as USD, and the way between its amounts and their minor units."""

    def __new__(cls, code: str) -> "Currency":
        if not re.fullmatch("[A-Z]{3}", code):
            raise ValueError("not a currency code")
        return super().__new__(cls, code)

    @property
    def decimals(self) -> int:
        return DECIMALS.get(self, 2)

    def minor(self, amount: Decimal | int) -> int:
        """The exact number of minor units; ValueError where rounding would be needed."""
        try:
            exact = Decimal(amount).quantize(Decimal(1).scaleb(-self.decimals), context=EXACT)
        except (Inexact, InvalidOperation):
            raise ValueError(f"{self} has {self.decimals} decimals") from None
        return int(exact.scaleb(self.decimals))

    def major(self, minor: int) -> Decimal:
        return Decimal(minor).scaleb(-self.decimals)
