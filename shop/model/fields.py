"""Strictly typed input fields: values are never converted or guessed."""

from collections.abc import Collection
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from shop.model.money import MAX_MONEY

LINE_PATTERN = r"^ *[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
TEXT_PATTERN = r"^[^\x00]*$"
EMAIL_PATTERN = r"^[^\x00-\x20\x7f@]{1,64}@[^\x00-\x20\x7f@.]+(\.[^\x00-\x20\x7f@.]+)+$"


class InputSchema(Schema):
    """The input of a move or a search; `ignored` names what may be sent back without a meaning."""

    class Meta:
        unknown = RAISE
        ordered = True

    def __init__(self, *, ignored: Collection[str] = (), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ignored = frozenset(ignored)

    def load(self, data: Any, **kwargs: Any) -> Any:
        """Return validated input; a hook of marshmallow would cost 10 microseconds for each input."""
        if self.ignored and isinstance(data, dict):
            data = {name: value for name, value in data.items() if name not in self.ignored}
        return super().load(data, **kwargs)


class EmptyInput(InputSchema):
    """The input of a move that takes none."""


class FullPattern(validate.Regexp):
    """Matches the whole text, as browsers do; `$` in Python also matches before a final line end."""

    def __call__(self, value: Any) -> Any:
        if self.regex.fullmatch(value) is None:
            raise ValidationError(self.error)
        return value


class PlainText(fields.String):
    """Text of one line, or of several lines if the pattern allows them."""

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
        """Check the length first, so that no pattern is matched against a text that is too long."""
        length = self.validators[0]
        if len(value) > length.max:
            length(value)
        super()._validate(value)


class BoundedList(fields.List):
    """A list whose length is checked before its members."""

    def __init__(self, inner: Any, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(inner, validate=validate.Length(low, high), **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, list):
            self._validate(value)
        return super()._deserialize(value, *args, **kwargs)


class StrictInteger(fields.Integer):
    """An integer; neither "3" nor true is accepted."""

    def __init__(self, low: int, high: int, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(low, high), **kwargs)

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class Money(fields.Integer):
    """An amount in minor units; doors convert their notation to it if the conversion is exact."""

    default_error_messages = {"invalid": "It must be an exact amount of money: nothing is rounded."}

    def __init__(self, *, maximum: int = MAX_MONEY, **kwargs: Any) -> None:
        super().__init__(validate=validate.Range(0, maximum, error="The amount is out of range."), **kwargs)
        self.maximum = maximum

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> int:
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class MoneyBound(Money):
    """A limit of a range of money; in a query it is a plain number in every version of an API."""


class StrictBoolean(fields.Boolean):
    """true or false; no other value is accepted."""

    truthy = {True}
    falsy = {False}

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid", input=value)
        return value


class Email(PlainText):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(3, 254, EMAIL_PATTERN, "It must be an e-mail address.", **kwargs)
