"""A user: an account, its role, and the logins that are open."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from shop.domain.base import Base, Entity, Id, normalize_text, now
from shop.domain.moves import ANYONE, OWNER, STAFF, move
from shop.domain.shapes import Account, Registration

CUSTOMER = "customer"


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

    __table_args__ = (
        CheckConstraint(f"role IN ('{CUSTOMER}', '{STAFF}')", name="role"),
        {"sqlite_autoincrement": True},
    )

    @validates("username", "email")
    def _fold(self, field: str, value: str | None) -> str | None:
        setattr(self, f"{field}_key", value and normalize_text(value)[:254])  # some folded letters are many
        return value

    @property
    def owner_id(self) -> int:
        return self.id

    def visible(self, roles: frozenset[str]) -> bool:
        return self.erased_at is None and bool(roles & {OWNER, STAFF})

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
        """The person is forgotten; what they ordered stays in the books."""
        self.username = self.email = self.password_hash = None
        self.erased_at = now()
        self.addresses.clear()
        self.token_epoch += 1

    @move(title="Disable this account", by=STAFF, unless=OWNER, when=lambda user: not user.disabled)
    def disable(self) -> None:
        self.disabled = True
        self.token_epoch += 1

    @move(title="Enable this account", by=STAFF, unless=OWNER, when=lambda user: user.disabled)
    def enable(self) -> None:
        self.disabled = False

    @move(title="Make this user staff", by=STAFF, unless=OWNER, when=lambda user: user.role == CUSTOMER)
    def promote(self) -> None:
        self.role = STAFF

    @move(title="Make this user a customer", by=STAFF, unless=OWNER, when=lambda user: user.role == STAFF)
    def demote(self) -> None:
        self.role = CUSTOMER


class Login(Base):
    """One login: the family of its tokens. `spends` names the only refresh token that still counts."""

    __tablename__ = "logins"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[int] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), index=True)
    spends: Mapped[str] = mapped_column(String(32))
    expires_at: Mapped[datetime]

    __table_args__ = (Index(None, "expires_at"),)


class KnownAddress(Base):
    """An address that an account has logged in from: others cannot lock it out there."""

    __tablename__ = "known_addresses"

    user_id: Mapped[int] = mapped_column(Id, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    address: Mapped[str] = mapped_column(String(64), primary_key=True)
    seen_at: Mapped[datetime]
