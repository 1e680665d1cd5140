"""The base of all entities: id, version, times in UTC and named constraints."""

import unicodedata
from collections import namedtuple
from datetime import UTC, datetime
from inspect import getattr_static
from typing import Any, ClassVar

from sqlalchemy import BigInteger, DateTime, Integer, MetaData, type_coerce
from sqlalchemy.ext.hybrid import hybrid_method
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import NullType, TypeDecorator

from shop.model.errors import NotFound

# SQLite generates keys only for a column of the type INTEGER.
Id = BigInteger().with_variant(Integer, "sqlite")


def now() -> datetime:
    return datetime.now(UTC)


def normalize_text(text: str) -> str:
    """Return one spelling for all texts that people read as the same."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


class UTCDateTime(TypeDecorator):
    """An instant in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True
    python_type = datetime

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return None if value is None else parse_instant(value)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: UTCDateTime()}


def make_row_type(kind: "type[Base]", *names: str, more: tuple[str, ...] = ()) -> type[Any]:
    """Return a named tuple type for some columns of a table, for reads that change nothing.

    A row holds raw values of the driver, so that recorded queries can compare them. Times are converted when
    they are looked at. `more` are members that are no columns.
    """
    table_columns = [kind.__table__.c[name] for name in names]
    row_type = type(
        f"{kind.__name__}Row", (namedtuple(f"{kind.__name__}Row", names + more),), {"__slots__": ()}
    )
    row_type.columns = tuple(type_coerce(column, NullType()) for column in table_columns)
    for index, column in enumerate(table_columns):
        if isinstance(column.type, UTCDateTime):
            setattr(row_type, names[index], build_time_property(index))
    if issubclass(kind, Entity):
        row_type.kind, row_type.tag = kind, Entity.tag
        row_type.is_visible_to = getattr_static(kind, "is_visible_to").func
    return row_type


def build_time_property(index: int) -> Any:
    return property(lambda row: None if row[index] is None else parse_instant(row[index]))


def parse_instant(value: datetime | str) -> datetime:
    """Return an instant in UTC; SQLite stores it as text without a time zone."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


class Entity(Base):
    """An object with an id and a version that changes only by moves."""

    __abstract__ = True
    private: ClassVar[bool] = False

    id: Mapped[int] = mapped_column(Id, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    version: Mapped[int] = mapped_column(Integer)
    __mapper_args__: ClassVar[dict[str, Any]] = {"version_id_col": version}
    __table_args__: Any = {"sqlite_autoincrement": True}  # so that no id is used twice

    @property
    def kind(self) -> "type[Entity]":
        return type(self)

    @property
    def tag(self) -> str:
        return f"{self.id}-{self.version}"

    @classmethod
    def build_not_found(cls) -> NotFound:
        return NotFound(f"There is no such {cls.__name__.lower()}.")

    def record_move(self, move: str, by: int | None) -> None:
        """Hook that records a move; does nothing by default."""

    @hybrid_method
    def is_visible_to(self, roles: frozenset[str], caller_id: int) -> Any:
        """Whether a caller may know that the entity exists; on the class, the same as a condition of SQL.

        Written with `==`, `&` and `|`, which mean the same for columns; a caller without an account is 0.
        """
        return True
