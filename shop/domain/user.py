"""Users: accounts, roles and open logins."""

from datetime import datetime
from importlib.resources import files
from typing import Any

from marshmallow import post_load, validate
from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.ext.hybrid import hybrid_method
from sqlalchemy.orm import Mapped, WriteOnlyMapped, mapped_column, relationship, validates

from shop.domain import passwords
from shop.model.entity import Base, Entity, Id, normalize_text, now
from shop.model.fields import TEXT_PATTERN, Email, InputSchema, PlainText
from shop.model.moves import ANYONE, OWNER, STAFF, move
from shop.storage.change_log import FeedRow, build_feed_indexes

CUSTOMER = "customer"
USER_EVENTS = {  # by the moves
    "register": "user.registered", "update": "user.changed", "delete": "user.deleted",
    "disable": "user.disabled", "enable": "user.enabled",
    "promote": "user.promoted", "demote": "user.demoted",
}  # fmt: skip

USERNAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._\-]*$"
COMMON_PASSWORDS = frozenset((files("shop.domain") / "common_passwords.txt").read_text().split())


class NoCommonPassword(validate.NoneOf):
    """Refuses the passwords that attackers try first."""

    def __call__(self, value: str) -> str:
        super().__call__(value.casefold())
        return value


class Password(PlainText):
    def __init__(self, **kwargs: Any) -> None:
        text = f"8 to 128 characters; the {len(COMMON_PASSWORDS)} most common passwords are refused."
        metadata = {"description": text, "examples": ["correct horse battery"], "x-input": "password"}
        super().__init__(8, 128, TEXT_PATTERN, load_only=True, metadata=metadata, **kwargs)
        message = "This password is too common; choose another."
        self.validators.append(NoCommonPassword(COMMON_PASSWORDS, error=message))


class Account(InputSchema):
    username = PlainText(
        3, 80, USERNAME_PATTERN, "Use letters, digits, dots, dashes and underscores.", required=True,
        metadata={"examples": ["ada"]},
    )  # fmt: skip
    email = Email(required=True, metadata={"examples": ["ada@shop.example"]})
    password = Password()

    @post_load
    def replace_password_with_hash(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Replace the password with its hash; no other code handles the password."""
        if "password" in data:
            data["password_hash"] = passwords.hash_password(data.pop("password"))
        return data


class Registration(Account):
    password = Password(required=True)


class Credentials(InputSchema):
    username = PlainText(
        1, 80, TEXT_PATTERN, required=True,
        metadata={"description": "The name of the account.", "examples": ["ada"]},
    )  # fmt: skip
    password = PlainText(
        1, 128, TEXT_PATTERN, required=True,
        metadata={
            "description": "Its password.",
            "examples": ["correct horse battery"],
            "x-input": "password",
        },
    )  # fmt: skip


class Refresh(InputSchema):
    refresh_token = PlainText(
        1,
        2000,
        TEXT_PATTERN,
        required=True,
        metadata={
            "description": "The newest refresh token; it can be used once.",
            "examples": ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl"],
            "x-input": "hidden",
        },
    )


class UserStep(FeedRow, Base):
    """A move of an account: which one, by whom and when."""

    __tablename__ = "user_steps"
    __table_args__ = build_feed_indexes("user_steps")

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    move: Mapped[str] = mapped_column(String(20))
    by: Mapped[int | None] = mapped_column(Id)  # none registers without a login
    at: Mapped[datetime] = mapped_column(default=now)


class User(Entity):
    __tablename__ = "users"
    private = True

    username: Mapped[str | None] = mapped_column(String(80))
    username_key: Mapped[str | None] = mapped_column(String(80), unique=True)
    email: Mapped[str | None] = mapped_column(String(254))
    email_key: Mapped[str | None] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20), default=CUSTOMER)
    disabled: Mapped[bool] = mapped_column(default=False)
    token_epoch: Mapped[int] = mapped_column(Integer, default=0)
    erased_at: Mapped[datetime | None]

    addresses: Mapped[list["KnownAddress"]] = relationship(cascade="all, delete-orphan", passive_deletes=True)
    steps: WriteOnlyMapped[UserStep] = relationship(passive_deletes=True)

    __table_args__ = (
        CheckConstraint(f"role IN ('{CUSTOMER}', '{STAFF}')", name="role"),
        {"sqlite_autoincrement": True},
    )

    @validates("username", "email")
    def _fold(self, field: str, value: str | None) -> str | None:
        # Normalizing can make a text longer.
        setattr(self, f"{field}_key", value and normalize_text(value)[:254])
        return value

    @property
    def owner_id(self) -> int:
        return self.id

    @hybrid_method
    def is_visible_to(self, roles: frozenset[str], caller_id: int) -> Any:
        return (self.erased_at == None) & ((self.id == caller_id) | (STAFF in roles))  # noqa: E711

    def record_move(self, move: str, by: int | None) -> None:
        self.steps.add(UserStep(move=move, by=by))

    @move(title="Register", by=ANYONE, takes=Registration)
    @classmethod
    def register(cls, **data: Any) -> "User":
        return cls(**data)

    @move(title="Change this account", by={OWNER, STAFF}, takes=Account)
    def update(self, **data: Any) -> None:
        for name, value in data.items():
            setattr(self, name, value)
        if "password_hash" in data:
            self.token_epoch += 1

    @move(title="Delete this account", by={OWNER, STAFF})
    def delete(self) -> None:
        """Erase the personal data; the orders of the account stay."""
        self.username = self.email = self.password_hash = None
        self.erased_at = now()
        self.addresses.clear()
        self.token_epoch += 1

    @move(
        title="Disable this account",
        by=STAFF,
        unless=OWNER,
        when=lambda user: not user.disabled,
        otherwise="the account is already disabled",
    )
    def disable(self) -> None:
        self.disabled = True
        self.token_epoch += 1

    @move(
        title="Enable this account",
        by=STAFF,
        unless=OWNER,
        when=lambda user: user.disabled,
        otherwise="the account is not disabled",
    )
    def enable(self) -> None:
        self.disabled = False

    @move(
        title="Make this user staff",
        by=STAFF,
        unless=OWNER,
        when=lambda user: user.role == CUSTOMER,
        otherwise="the user is already staff",
    )
    def promote(self) -> None:
        self.role = STAFF

    @move(
        title="Make this user a customer",
        by=STAFF,
        unless=OWNER,
        when=lambda user: user.role == STAFF,
        otherwise="the user is already a customer",
    )
    def demote(self) -> None:
        self.role = CUSTOMER


class Login(Base):
    """A login with its tokens; `spends` is the id of the only valid refresh token."""

    __tablename__ = "logins"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    spends: Mapped[str] = mapped_column(String(32))
    expires_at: Mapped[datetime]

    __table_args__ = (Index(None, "expires_at"),)


class KnownAddress(Base):
    """An address that an account has logged in from; failed logins elsewhere do not block it."""

    __tablename__ = "known_addresses"

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    address: Mapped[str] = mapped_column(String(64), primary_key=True)
    seen_at: Mapped[datetime]
