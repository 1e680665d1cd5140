"""FastAPI and SQLAlchemy: a session by dependency, plain functions as endpoints, response models."""

from typing import Any

from fastapi import FastAPI, HTTPException
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from benchmarks.contestants import fastapi_lists, fastapi_session
from benchmarks.contestants.fastapi_lists import Page, SearchDep, count_rows, read_page
from benchmarks.contestants.fastapi_models import (
    Item,
    Line,
    Order,
    OrderIn,
    OrderOut,
    Product,
    ProductOut,
    ProductsOut,
)  # fmt: skip
from benchmarks.contestants.fastapi_session import CurrentUser, SessionDep

app = FastAPI()
app.include_router(fastapi_session.router)
app.include_router(fastapi_lists.router)


@app.get("/products/{id}", response_model=ProductOut)
def read_product(id: int, session: SessionDep) -> Any:
    product = session.get(Product, id)
    if not product:
        raise HTTPException(status_code=404, detail="Product not found")
    return product


@app.get("/products", response_model=ProductsOut)
def read_products(query: SearchDep, session: SessionDep, page: Page = 1) -> Any:
    return {"total": count_rows(session, query), "items": read_page(session, query, page)}


@app.get("/orders/{id}", response_model=OrderOut)
def read_order(id: int, user: CurrentUser, session: SessionDep) -> Any:
    query = select(Order).where(Order.id == id, Order.user_id == user.id)
    order = session.scalar(query.options(selectinload(Order.items)))
    if not order:
        raise HTTPException(status_code=404, detail="Order not found")
    return order


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
