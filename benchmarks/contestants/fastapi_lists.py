"""Lists of FastAPI: what they have in common, and two more, for the workload that asks nothing twice.

`/linked/products` has the totals and the links that the shop's list has; `/plain/products` has neither.
"""

from collections.abc import Sequence
from math import ceil
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from benchmarks.contestants.fastapi_models import LinkedProductsOut, Product, ProductOut
from benchmarks.contestants.fastapi_session import SessionDep

PER_PAGE = 20
router = APIRouter()
Page = Annotated[int, Query(ge=1)]


def build_query(
    q: str | None = None,
    min_price: float | None = None,
    max_price: float | None = None,
    sort: Literal["id", "price"] = "id",
) -> Select[tuple[Product]]:
    query = select(Product)
    if q:
        query = query.where(or_(Product.name.icontains(q), Product.description.icontains(q)))
    if min_price is not None:
        query = query.where(Product.price >= min_price)
    if max_price is not None:
        query = query.where(Product.price <= max_price)
    return query.order_by(getattr(Product, sort), Product.id)


SearchDep = Annotated[Select[tuple[Product]], Depends(build_query)]


def count_rows(session: Session, query: Select[tuple[Product]]) -> int:
    return session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0


def read_page(session: Session, query: Select[tuple[Product]], page: int) -> Sequence[Product]:
    return session.scalars(query.offset((page - 1) * PER_PAGE).limit(PER_PAGE)).all()


@router.get("/plain/products", response_model=list[ProductOut])
def read_plain_products(query: SearchDep, session: SessionDep, page: Page = 1) -> Any:
    return read_page(session, query, page)


@router.get("/linked/products", response_model=LinkedProductsOut)
def read_linked_products(request: Request, query: SearchDep, session: SessionDep, page: Page = 1) -> Any:
    root = f"{request.base_url}linked"
    total = count_rows(session, query)
    pages = max(1, ceil(total / PER_PAGE))
    return {
        "total": total,
        "page": page,
        "pages": pages,
        "items": [add_links(product, root) for product in read_page(session, query, page)],
        "links": build_page_links(request, page, pages, root),
    }


def add_links(product: Product, root: str) -> dict[str, Any]:
    return {
        "id": product.id,
        "name": product.name,
        "description": product.description,
        "price": product.price,
        "stock": product.stock,
        "created_at": product.created_at,
        "updated_at": product.updated_at,
        "links": {
            "self": {"href": f"{root}/products/{product.id}"},
            "collection": {"href": f"{root}/products"},
            "changes": {"href": f"{root}/changes?product_id={product.id}"},
            "profile": {"href": f"{root}/profile#product"},
            "login": {"href": f"{root}/tokens"},
        },
    }


def build_page_links(request: Request, page: int, pages: int, root: str) -> dict[str, Any]:
    numbers = {"self": page, "first": 1, "last": pages}
    if page > 1:
        numbers["prev"] = page - 1
    if page < pages:
        numbers["next"] = page + 1
    return {
        "search": {"href": f"{root}/products{{?page,q,min_price,max_price,sort}}"},
        "profile": {"href": f"{root}/profile#collection"},
        **{
            rel: {"href": str(request.url.include_query_params(page=number))}
            for rel, number in numbers.items()
        },
    }
