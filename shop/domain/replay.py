"""An answer that was given once and is given again to whoever repeats the request."""

from datetime import datetime

from sqlalchemy import Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from shop.domain.base import Base, Id


class Replay(Base):
    __tablename__ = "replays"

    user_id: Mapped[int] = mapped_column(Id, primary_key=True)  # 0: somebody without an account
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    media: Mapped[str] = mapped_column(String(100))
    location: Mapped[str | None] = mapped_column(String(2000))
    expires_at: Mapped[datetime]

    __table_args__ = (Index(None, "expires_at"),)
