"""An entity that this shop does not have, to test what a door requires for a new one."""

from shop.hypermedia.representations import Representation
from shop.hypermedia.resources import Resource
from shop.model.entity import Entity
from shop.model.fields import InputSchema, PlainText, StrictInteger
from shop.model.moves import MEMBER, STAFF, move


class NewReview(InputSchema):
    product_id = StrictInteger(1, 10**18 - 1, required=True)
    text = PlainText(1, 1000, required=True)


class Review(Entity):
    __abstract__ = True  # without a table, so that the database of the tests does not change
    __tablename__ = "reviews"

    @move(title="Write a review", by=MEMBER, takes=NewReview)
    @classmethod
    def create(cls, **data): ...

    @move(title="Publish this review", by=STAFF)
    def publish(self): ...

    @move(title="Hide this review", by=STAFF)
    def hide(self): ...


reviews = Resource(Review, path="/reviews", description="All reviews.", representation=Representation)
