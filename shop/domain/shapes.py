"""The shapes of input. A value either has the shape exactly or is refused; nothing is guessed."""

from importlib.resources import files
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate

from shop.domain import passwords
from shop.domain.money import MAX as MAX_MONEY

MAX_STOCK = 2**31 - 1
MAX_QUANTITY = 10_000
LINE_PATTERN = r"^ *[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
TEXT_PATTERN = r"^[^\x00]*$"
USERNAME = r"^[A-Za-z0-9][A-Za-z0-9._\-]*$"
EMAIL = r"^[^\x00-\x20\x7f@]{1,64}@[^\x00-\x20\x7f@.]+(\.[^\x00-\x20\x7f@.]+)+$"
COMMON_PASSWORDS = frozenset((files("shop.domain") / "common_passwords.txt").read_text().split())


class InputSchema(Schema):
    class Meta:
        unknown = RAISE
        ordered = True


class EmptyInput(InputSchema):
    """A move that needs no words."""


class FullPattern(validate.Regexp):
    """The whole text, as in a browser; to Python's `$` a line's end would do."""

    def __call__(self, value: Any) -> Any:
        if self.regex.fullmatch(value) is None:
            raise ValidationError(self.error)
        return value


class PlainText(fields.String):
    """Characters of one line, or of several where the pattern allows it."""

    def __init__(
        self, low: int, high: int, pattern: str = LINE_PATTERN, hint: str = "", **kwargs: Any
    ) -> None:
        shape = FullPattern(pattern, error=hint or "It must be plain text without control characters.")
        super().__init__(validate=[validate.Length(low, high), shape], **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        try:
            str(value).encode()
        except UnicodeError:
            raise self.make_error("invalid_utf8") from None
        return super()._deserialize(value, *args, **kwargs)

    def _validate(self, value: str) -> None:
        """Check first that it is not too long, so that no pattern is tried on a text that is."""
        length = self.validators[0]
        if len(value) > length.max:
            length(value)
        super()._validate(value)


class Few(fields.List):
    """A list that is refused by its length before each of its members is looked at."""

    def __init__(self, inner: Any, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(inner, validate=validate.Length(low, high), **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list):
            self._validate(value)
        return super()._deserialize(value, *args, **kwargs)


class StrictInteger(fields.Integer):
    """A whole number, and neither "3" nor true."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(low, high), **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class Money(fields.Integer):
    """An amount in minor units. Doors turn their notation into it, and leave alone what is not exact."""

    default_error_messages = {"invalid": "It must be an exact amount of money: nothing is rounded."}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(0, MAX_MONEY, error="The amount is out of range."), **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class StrictBoolean(fields.Boolean):
    """true or false, and nothing that merely looks like it."""

    truthy = {True}
    falsy = {False}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid", input=value)
        return value


class Email(PlainText):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(3, 254, EMAIL, "It must be an e-mail address.", **kwargs)


def refuse_common_password(password: str) -> None:
    if password.casefold() in COMMON_PASSWORDS:
        raise ValidationError("It is one of the first passwords that anyone tries; choose another.")


class Password(PlainText):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(8, 128, TEXT_PATTERN, load_only=True, **kwargs)
        self.validators.append(refuse_common_password)


class NewProduct(InputSchema):
    name = PlainText(1, 100, required=True, metadata={"examples": ["Walnut desk"]})
    description = PlainText(
        0,
        5000,
        TEXT_PATTERN,
        load_default="",
        allow_none=True,
        metadata={"examples": ["Oiled, 140 cm wide."]},
    )
    price = Money(required=True)
    stock = StrictInteger(0, MAX_STOCK, load_default=0, metadata={"examples": [12]})


class Restock(InputSchema):
    amount = StrictInteger(-MAX_STOCK, MAX_STOCK, required=True, metadata={"examples": [25]})


class Purchase(InputSchema):
    quantity = StrictInteger(1, MAX_QUANTITY, required=True, metadata={"examples": [2]})


class Line(InputSchema):
    product_id = StrictInteger(1, 10**18 - 1, required=True, metadata={"examples": [1]})
    quantity = StrictInteger(1, MAX_QUANTITY, required=True, metadata={"examples": [2]})


class NewOrder(InputSchema):
    items = Few(fields.Nested(Line), 1, 100, required=True)


class Payment(InputSchema):
    reference = PlainText(1, 100, required=True, metadata={"examples": ["bank transfer 2026-0042"]})


class Shipment(InputSchema):
    tracking = PlainText(1, 100, required=True, metadata={"examples": ["JD0002 1234 5678"]})


class Account(InputSchema):
    username = PlainText(
        3, 80, USERNAME, "Use letters, digits, dots, dashes and underscores.", required=True,
        metadata={"examples": ["ada"]},
    )  # fmt: skip
    email = Email(required=True, metadata={"examples": ["ada@shop.example"]})
    password = Password(metadata={"examples": ["correct horse battery"]})

    @post_load
    def seal(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The password goes no further than this: only its hash does."""
        if "password" in data:
            data["password_hash"] = passwords.hash_password(data.pop("password"))
        return data


class Registration(Account):
    password = Password(required=True, metadata={"examples": ["correct horse battery"]})


class Credentials(InputSchema):
    username = PlainText(1, 80, TEXT_PATTERN, required=True, metadata={"examples": ["ada"]})
    password = PlainText(
        1, 128, TEXT_PATTERN, required=True, metadata={"examples": ["correct horse battery"]}
    )


class Refresh(InputSchema):
    refresh_token = PlainText(
        1,
        2000,
        TEXT_PATTERN,
        required=True,
        metadata={"description": "The one that came last; it counts once."},
    )
