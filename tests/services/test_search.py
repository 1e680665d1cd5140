"""The indexed search finds what a plain search finds, for any words and after any changes."""

from contextlib import contextmanager
from operator import itemgetter
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, update

from shop.domain.product import Product
from shop.model.entity import normalize_text, now
from shop.services import catalogue, imports, products, search
from shop.storage import pagination
from shop.storage.transactions import Context
from tests.conftest import OPERATOR, empty_database
from tests.load import wait_until

PIECES = [
    "oak", "Oak", "walnut", "NEAR", "AND", "OR", "100%", "%", "_", "a_b", "\\", "/", "*", '"', '""', "'", "(",
    ")", ":", "^", "-", "+", "{", "Straße", "STRASSE", "ß", "ẞ", "İ", "I", "ı", "i", "ſ", "é",  # noqa: RUF001
    "e\u0301", "\u0301", "K", "ﬀ", "ﷺ", "日本語", "日", "😀", "𝔸𝕓", "Ω", "ς", "σ",  # noqa: RUF001
    "\U0010ffff", "\ufffd", "\ufffe", "\uffff", "\ud7ff", "\ue000", "\u200d", " ", "  ", "\n", "ab", "bc",
]  # fmt: skip
SPECIAL_TEXTS = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
ANY_TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
LIKELY_TEXTS = st.sampled_from(["oak", "oak desk", "Walnut oak", 'an "oak" %', "ak d", "STRASSE", "日本語😀"])
TEXTS = LIKELY_TEXTS | SPECIAL_TEXTS | ANY_TEXTS
SMALL = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("add"), TEXTS, TEXTS, SMALL, SMALL),
    st.tuples(st.just("bulk"), TEXTS, TEXTS, SMALL, SMALL),
    st.tuples(st.just("import"), st.sampled_from(["oak desk", "Walnut", "100% oak"]), SPECIAL_TEXTS, SMALL, SMALL),
    st.tuples(st.just("change"), SMALL, TEXTS),
    st.tuples(st.sampled_from(["retire", "return", "delete", "sell", "renumber"]), SMALL),
    st.tuples(st.just("take in")),
)  # fmt: skip
SEARCHES = st.fixed_dictionaries(
    {"sort": st.sampled_from([*products.SORT_COLUMNS]), "order": st.sampled_from(["asc", "desc"]),
     "per_page": st.integers(1, 4), "page": st.just(1)},
    optional={"q": TEXTS, "min_price": SMALL, "max_price": SMALL, "in_stock": st.booleans()},
)  # fmt: skip


@contextmanager
def set_thresholds(rare):
    with (
        patch.multiple(search, MAX_MATCHES=rare, SMALL_CATALOGUE=-1),
        patch.object(products, "MAX_COUNT", rare),  # from which the other filters find many
        patch.object(pagination, "is_scan_cheaper", lambda total, *_: total > rare),
    ):
        yield


SLOW_SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def build_row(name, description, price, stock):
    keys = {
        "name_key": normalize_text(name)[:100],
        "words": normalize_text(f"{name}\n{description}"),
        "version": 1,
    }
    return {"name": name, "description": description, "price": price, "stock": stock, **keys}


def apply_step(ctx, kind, *facts):
    """Apply one change to the catalogue, through the shop or directly in the database."""
    session = ctx.session
    if kind == "take in":
        return search.catch_up_index(session.get_bind())
    if kind == "import":
        given = dict(zip(("name", "description", "price", "stock"), facts, strict=True))
        return imports.import_products(ctx, [(1, given)], print)
    if kind == "add":
        name, description, price, stock = facts
        session.add(Product(name=name, description=description, price=price, stock=stock))
    elif kind == "bulk":
        session.execute(insert(Product), [build_row(*facts)] * 2)
    else:
        change_by_hand(session, kind, *facts)
    return session.commit()


def change_by_hand(session, kind, which, text=""):
    ids = session.scalars(select(Product.id).order_by(Product.id)).all()
    is_chosen = Product.id == (ids[which % len(ids)] if ids else 0)
    session.execute({
        "change": update(Product).where(is_chosen).values(name=text, words=normalize_text(f"{text}\n"), description=""),
        "retire": update(Product).where(is_chosen).values(retired_at=now()),
        "return": update(Product).values(retired_at=None),
        "sell": update(Product).where(is_chosen).values(stock=0),
        "renumber": update(Product).where(is_chosen).values(id=Product.id + 1000),
        "delete": delete(Product).where(is_chosen),
    }[kind])  # fmt: skip


def search_naively(ctx, query):
    """Return the ids that a search should find, in order, by a plain scan."""
    chosen = [
        (getattr(each, products.SORT_COLUMNS[query["sort"]].key), each.id)
        for each in ctx.session.scalars(select(Product).execution_options(populate_existing=True))
        if each.retired_at is None
        and normalize_text(query.get("q", "")) in each.words
        and query.get("min_price", 0) <= each.price <= query.get("max_price", 9)
        and ("in_stock" not in query or query["in_stock"] == (each.stock > 0))
    ]
    ctx.session.rollback()
    return [id for _, id in sorted(chosen, key=itemgetter(0, 1), reverse=query["order"] == "desc")]


def walk_pages(ctx, query):
    """Return the ids of all pages by `next`, the same by `prev`, and the totals."""
    forth = [products.list_products(ctx, query)]
    while forth[-1].next:
        forth.append(products.list_products(ctx, {**query, "page": str(forth[-1].next)}))
    back = [products.list_products(ctx, {**query, "page": str(forth[-1].last)})]
    while back[-1].prev:
        back.append(products.list_products(ctx, {**query, "page": str(back[-1].prev)}))
    ids = [[each.id for page in direction for each in page.items] for direction in (forth, back[::-1])]
    return ids, {(page.total, page.total_is_exact) for page in forth + back}


def is_right_total(total, is_exact, count):
    """Whether a total is right; one that is not exact is the bound."""
    return total == count if is_exact else total == search.MAX_MATCHES < count


# The number of matches from which a word is common: small, so that a few products reach every branch.
# No catalogue is too small for the index here.
RARE_LIMITS = st.sampled_from([0, 1, 3, search.MAX_MATCHES])


@given(RARE_LIMITS, st.lists(STEPS, min_size=1, max_size=8), st.lists(SEARCHES, min_size=1, max_size=3))
@SLOW_SETTINGS
def test_a_search_finds_what_a_plain_one_finds(app, rare, steps, queries):
    empty_database(app)
    with app.app_context(), set_thresholds(rare):
        ctx = Context(app.extensions["sqlalchemy"].session(), OPERATOR)
        for step in steps:
            apply_step(ctx, *step)
            for query in queries:
                wanted = search_naively(ctx, query)
                ids, totals = walk_pages(ctx, query)
                assert ids == [wanted, wanted]
                assert all(is_right_total(*total, len(wanted)) for total in totals)


@given(RARE_LIMITS, st.lists(STEPS, min_size=1, max_size=8), SEARCHES)
@settings(SLOW_SETTINGS, max_examples=25)
def test_a_search_by_spans_finds_and_counts_the_same(app, rare, steps, query):
    empty_database(app)
    with app.app_context(), set_thresholds(rare):
        ctx = Context(app.extensions["sqlalchemy"].session(), OPERATOR)
        for step in steps:
            apply_step(ctx, *step)
        span, wanted = catalogue.list_product_span(ctx, query, 100), search_naively(ctx, query)
        assert [each.id for each in span.items] == wanted
        assert is_right_total(*span.count_total(), len(wanted))


@given(RARE_LIMITS, TEXTS.filter(bool), TEXTS)
@settings(SLOW_SETTINGS, max_examples=60)
def test_whoever_searches_for_a_part_of_the_words_finds_them(app, rare, text, around):
    empty_database(app)
    with app.app_context(), set_thresholds(rare):
        ctx = Context(app.extensions["sqlalchemy"].session(), OPERATOR)
        apply_step(ctx, "add", f"{around}{text}{around}", "", 1, 1)
        apply_step(ctx, "take in")
        query = {"sort": "id", "order": "asc", "per_page": 1, "page": 1, "q": text}
        page = products.list_products(ctx, query)
        assert is_right_total(page.total, page.total_is_exact, len(search_naively(ctx, query)))


def count_pending(session):
    found = session.scalar(select(func.count()).select_from(search.PENDING_WORDS))
    session.rollback()
    return found


def test_what_the_index_is_late_with_is_taken_in(app, session):
    session.execute(insert(Product), [build_row("oak", "", 1, 1)] * (search.INDEX_BATCH + 1))
    session.commit()
    assert wait_until(lambda: search.catch_up_index(session.get_bind()) or count_pending(session) == 0)


def test_a_search_sees_to_it_that_the_index_catches_up(client, session):
    session.execute(insert(Product), [build_row("oak", "", 1, 1)] * (search.MAX_PENDING + 1))
    session.commit()
    search.SIZE_ESTIMATES.clear()  # the estimates of some seconds ago
    client.get("/api/v1/products?q=oak")
    assert wait_until(lambda: count_pending(session) == 0)


def test_a_sale_leaves_the_index_alone(session, product):
    id, before = product(), count_pending(session)
    session.execute(update(Product).where(Product.id == id).values(stock=3, version=2))
    session.commit()
    assert count_pending(session) <= before
