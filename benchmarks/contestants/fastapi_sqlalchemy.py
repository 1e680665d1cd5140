"""FastAPI and SQLAlchemy: a session by dependency, plain functions as endpoints, response models."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ForeignKey, create_engine, func, or_, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

engine = create_engine(f"sqlite:///{os.environ['BENCH_DATABASE']}", connect_args={"check_same_thread": False})
app = FastAPI()


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase): ...


class Product(Base):
    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    price: Mapped[float]
    stock: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class Item(Base):
    __tablename__ = "order_items"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    name: Mapped[str]
    unit_price: Mapped[float]
    quantity: Mapped[int]


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str] = mapped_column(default="placed")
    total: Mapped[float]
    currency: Mapped[str] = mapped_column(default="USD")
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)
    items: Mapped[list[Item]] = relationship()


class ProductOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    description: str
    price: float
    stock: int
    created_at: datetime
    updated_at: datetime


class ProductsOut(BaseModel):
    total: int
    items: list[ProductOut]


class Line(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    product_id: int
    quantity: int


class LineOut(Line):
    name: str
    unit_price: float


class OrderIn(BaseModel):
    items: list[Line]


class OrderOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    status: str
    total: float
    currency: str
    created_at: datetime
    updated_at: datetime
    items: list[LineOut]


def get_session() -> Iterator[Session]:
    with Session(engine) as session:
        yield session


SessionDep = Annotated[Session, Depends(get_session)]


@app.get("/products/{id}", response_model=ProductOut)
def read_product(id: int, session: SessionDep) -> Any:
    product = session.get(Product, id)
    if not product:
        raise HTTPException(status_code=404, detail="Product not found")
    return product


@app.get("/products", response_model=ProductsOut)
def read_products(
    session: SessionDep,
    page: Annotated[int, Query(ge=1)] = 1,
    q: str | None = None,
    max_price: float | None = None,
    sort: Literal["id", "price"] = "id",
) -> Any:
    query = select(Product)
    if q:
        query = query.where(or_(Product.name.icontains(q), Product.description.icontains(q)))
    if max_price is not None:
        query = query.where(Product.price <= max_price)
    total = session.scalar(select(func.count()).select_from(query.subquery()))
    query = query.order_by(getattr(Product, sort), Product.id)
    return {"total": total, "items": session.scalars(query.offset((page - 1) * 20).limit(20)).all()}


@app.post("/orders", response_model=OrderOut, status_code=201)
def create_order(order: OrderIn, session: SessionDep) -> Any:
    items = [take_from_stock(session, line) for line in order.items]
    placed = Order(items=items, total=sum(item.unit_price * item.quantity for item in items))
    session.add(placed)
    session.commit()
    return placed


def take_from_stock(session: Session, line: Line) -> Item:
    product = session.get(Product, line.product_id)
    if not product:
        raise HTTPException(status_code=404, detail="Product not found")
    if product.stock < line.quantity:
        raise HTTPException(status_code=409, detail="Not enough in stock")
    product.stock = Product.stock - line.quantity
    return Item(product_id=product.id, name=product.name, unit_price=product.price, quantity=line.quantity)
