"""Django REST framework in one file: generic views, model serializers, its filters and its pages."""

import os
from typing import Any

import django
from django.conf import settings
from sqlalchemy import make_url

URL = make_url(os.environ["BENCH_DATABASE"])
SQLITE = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": {"transaction_mode": "IMMEDIATE"}}
POSTGRESQL = {"ENGINE": "django.db.backends.postgresql", "USER": URL.username, "HOST": URL.query.get("host")}
DATABASE = SQLITE if URL.drivername == "sqlite" else POSTGRESQL

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={"default": {**DATABASE, "NAME": URL.database, "CONN_MAX_AGE": None}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["rest_framework"],
    MIDDLEWARE=["django.middleware.http.ConditionalGetMiddleware"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_PERMISSION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
        "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
        "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
        "PAGE_SIZE": 20,
        "SEARCH_PARAM": "q",
        "ORDERING_PARAM": "sort",
        "UNAUTHENTICATED_USER": None,
    },
)
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import models, transaction  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import filters, generics, serializers  # noqa: E402


class Product(models.Model):
    name = models.CharField(max_length=100)
    description = models.TextField()
    price = models.FloatField()
    stock = models.IntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label, db_table = "shop", "products"


class Order(models.Model):
    status = models.CharField(max_length=20, default="placed")
    total = models.FloatField()
    currency = models.CharField(max_length=3, default="USD")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        app_label, db_table = "shop", "orders"


class Item(models.Model):
    order = models.ForeignKey(Order, related_name="items", on_delete=models.CASCADE)
    product = models.ForeignKey(Product, on_delete=models.PROTECT)
    name = models.CharField(max_length=100)
    unit_price = models.FloatField()
    quantity = models.IntegerField()

    class Meta:
        app_label, db_table = "shop", "order_items"


class ProductSerializer(serializers.ModelSerializer):
    class Meta:
        model = Product
        fields = ["id", "name", "description", "price", "stock", "created_at", "updated_at"]


class ItemSerializer(serializers.ModelSerializer):
    product_id = serializers.IntegerField()

    class Meta:
        model = Item
        fields = ["product_id", "name", "unit_price", "quantity"]
        read_only_fields = ["name", "unit_price"]


class OrderSerializer(serializers.ModelSerializer):
    items = ItemSerializer(many=True)

    class Meta:
        model = Order
        fields = ["id", "status", "total", "currency", "created_at", "updated_at", "items"]
        read_only_fields = ["status", "total", "currency"]

    @transaction.atomic
    def create(self, validated_data: dict[str, Any]) -> Order:
        items = [take_from_stock(**line) for line in validated_data["items"]]
        order = Order.objects.create(total=sum(item.unit_price * item.quantity for item in items))
        for item in items:
            item.order = order
        Item.objects.bulk_create(items)
        return order


def take_from_stock(product_id: int, quantity: int) -> Item:
    product = generics.get_object_or_404(Product, pk=product_id)
    if product.stock < quantity:
        raise serializers.ValidationError("Not enough in stock.")
    Product.objects.filter(pk=product_id).update(stock=models.F("stock") - quantity)
    return Item(product_id=product_id, name=product.name, unit_price=product.price, quantity=quantity)


class ProductList(generics.ListAPIView):
    serializer_class = ProductSerializer
    filter_backends = [filters.SearchFilter, filters.OrderingFilter]
    search_fields = ["name", "description"]
    ordering_fields = ["id", "price"]
    ordering = ["id"]

    def get_queryset(self) -> Any:
        queryset = Product.objects.all()
        for name, lookup in (("min_price", "price__gte"), ("max_price", "price__lte")):
            if (price := self.request.query_params.get(name)) is not None:
                queryset = queryset.filter(**{lookup: price})
        return queryset


class ProductDetail(generics.RetrieveAPIView):
    queryset = Product.objects.all()
    serializer_class = ProductSerializer


class OrderList(generics.CreateAPIView):
    serializer_class = OrderSerializer


urlpatterns = [
    path("products", ProductList.as_view()),
    path("products/<int:pk>", ProductDetail.as_view()),
    path("orders", OrderList.as_view()),
]
application = get_wsgi_application()
