"""flask-smorest, marshmallow and Flask-SQLAlchemy: method views, schemas, its pages and its ETags."""

import logging
import os
from datetime import UTC, datetime
from typing import Any

import jwt
from flask import Flask, request
from flask.views import MethodView
from flask_smorest import Api, Blueprint, Page, abort
from flask_sqlalchemy import SQLAlchemy
from marshmallow import Schema, fields, validate
from sqlalchemy import DateTime, ForeignKey, or_
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase): ...


app = Flask(__name__)
app.config.update(
    API_TITLE="Shop",
    API_VERSION="v1",
    OPENAPI_VERSION="3.0.2",
    SECRET_KEY=os.environ["BENCH_SECRET"],
    SQLALCHEMY_DATABASE_URI=os.environ["BENCH_DATABASE"],
)
db = SQLAlchemy(app, model_class=Base)
api = Api(app)
products = Blueprint("products", __name__, url_prefix="/products")
products.DEFAULT_PAGINATION_PARAMETERS = {"page": 1, "page_size": 20, "max_page_size": 100}
orders = Blueprint("orders", __name__, url_prefix="/orders")


class User(db.Model):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]


class Product(db.Model):
    __tablename__ = "products"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    description: Mapped[str]
    price: Mapped[float]
    stock: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)


class Item(db.Model):
    __tablename__ = "order_items"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("products.id"))
    name: Mapped[str]
    unit_price: Mapped[float]
    quantity: Mapped[int]


class Order(db.Model):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    status: Mapped[str] = mapped_column(default="placed")
    total: Mapped[float]
    currency: Mapped[str] = mapped_column(default="USD")
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), default=now)
    items: Mapped[list[Item]] = relationship()


class ProductSchema(Schema):
    id = fields.Integer(dump_only=True)
    name = fields.String()
    description = fields.String()
    price = fields.Float()
    stock = fields.Integer()
    created_at = fields.DateTime()
    updated_at = fields.DateTime()


class SearchSchema(Schema):
    q = fields.String()
    min_price = fields.Float()
    max_price = fields.Float()
    sort = fields.String(load_default="id", validate=validate.OneOf(["id", "price"]))


class ItemSchema(Schema):
    product_id = fields.Integer(required=True)
    quantity = fields.Integer(required=True)
    name = fields.String(dump_only=True)
    unit_price = fields.Float(dump_only=True)


class OrderSchema(Schema):
    id = fields.Integer(dump_only=True)
    status = fields.String(dump_only=True)
    total = fields.Float(dump_only=True)
    currency = fields.String(dump_only=True)
    created_at = fields.DateTime(dump_only=True)
    updated_at = fields.DateTime(dump_only=True)
    items = fields.List(fields.Nested(ItemSchema), required=True)


class CursorPage(Page):
    @property
    def item_count(self) -> int:
        return self.collection.count()


@products.route("")
class Products(MethodView):
    @products.arguments(SearchSchema, location="query")
    @products.response(200, ProductSchema(many=True))
    @products.paginate(CursorPage)
    def get(self, search: dict[str, Any]) -> Any:
        """List products"""
        query = db.session.query(Product)
        if "q" in search:
            q = search["q"]
            query = query.filter(or_(Product.name.icontains(q), Product.description.icontains(q)))
        if "min_price" in search:
            query = query.filter(Product.price >= search["min_price"])
        if "max_price" in search:
            query = query.filter(Product.price <= search["max_price"])
        return query.order_by(getattr(Product, search["sort"]), Product.id)


@products.route("/<int:product_id>")
class ProductById(MethodView):
    @products.etag
    @products.response(200, ProductSchema)
    def get(self, product_id: int) -> Any:
        """Get product by ID"""
        return db.get_or_404(Product, product_id)


@orders.route("")
class Orders(MethodView):
    @orders.arguments(OrderSchema)
    @orders.response(201, OrderSchema)
    def post(self, data: dict[str, Any]) -> Any:
        """Place an order"""
        items = [take_from_stock(**line) for line in data["items"]]
        order = Order(items=items, total=sum(item.unit_price * item.quantity for item in items))
        db.session.add(order)
        db.session.commit()
        return order


@orders.route("/<int:order_id>")
class OrderById(MethodView):
    @orders.response(200, OrderSchema)
    def get(self, order_id: int) -> Any:
        """Get one of your orders"""
        return db.first_or_404(db.select(Order).filter_by(id=order_id, user_id=get_current_user().id))


def get_current_user() -> User:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        payload = jwt.decode(token, app.config["SECRET_KEY"], algorithms=["HS256"])
    except jwt.InvalidTokenError:
        abort(401, message="The token is not valid.")
    return db.session.get(User, int(payload["sub"])) or abort(401, message="The user does not exist.")


def take_from_stock(product_id: int, quantity: int) -> Item:
    product = db.get_or_404(Product, product_id)
    if product.stock < quantity:
        abort(409, message="Not enough in stock.")
    product.stock = Product.stock - quantity
    return Item(product_id=product.id, name=product.name, unit_price=product.price, quantity=quantity)


api.register_blueprint(products)
api.register_blueprint(orders)
