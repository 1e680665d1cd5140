"""Insert a new order with three statements.

`session.add(order)` would have the same result but take twice as long: half the time of a checkout was spent
in SQLAlchemy's unit of work. This module does that work by hand for new orders;
`python -m benchmarks.checkout` measures it.
"""

from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.orm import Session, make_transient_to_detached

from shop.domain.order import Item, Order, Step
from shop.model.entity import Base
from shop.storage.change_log import lock_change_numbers

ORDERS_TABLE, ITEMS_TABLE, STEPS_TABLE = (kind.__table__ for kind in (Order, Item, Step))
INSERT_ORDER, INSERT_ITEMS, INSERT_STEP = (
    insert(ORDERS_TABLE).returning(ORDERS_TABLE.c.id),
    insert(ITEMS_TABLE),
    insert(STEPS_TABLE).returning(STEPS_TABLE.c.id),
)


def insert_order(session: Session, order: Order) -> None:
    execute = session.connection().execute
    order.id = execute(INSERT_ORDER, collect_column_values(order, ORDERS_TABLE)).scalar_one()
    for part in (*order.items, *order.history):
        part.order_id = order.id
    for item in order.items:
        item.is_new = True
    execute(INSERT_ITEMS, [collect_column_values(item, ITEMS_TABLE) for item in order.items])
    (step,) = order.history
    lock_change_numbers(session.connection())
    step.id = execute(INSERT_STEP, collect_column_values(step, STEPS_TABLE)).scalar_one()
    for entity in (order, *order.items, step):
        make_transient_to_detached(entity)
    session.add(order)


def collect_column_values(entity: Base, table: Table) -> dict[str, Any]:
    return {column.key: vars(entity)[column.key] for column in table.columns if column.key in vars(entity)}
