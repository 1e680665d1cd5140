"""What is found fast is what a plain search finds, whatever the words, and whatever happens in between."""

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
NASTY = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
ANYTHING = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
LIKELY = st.sampled_from(["oak", "oak desk", "Walnut oak", 'an "oak" %', "ak d", "STRASSE", "日本語😀"])
TEXTS = LIKELY | NASTY | ANYTHING
SMALL = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("add"), TEXTS, TEXTS, SMALL, SMALL),
    st.tuples(st.just("bulk"), TEXTS, TEXTS, SMALL, SMALL),
    st.tuples(st.just("import"), st.sampled_from(["oak desk", "Walnut", "100% oak"]), NASTY, SMALL, SMALL),
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
def thresholds(rare):
    with (
        patch.multiple(search, MAX_RARE_MATCHES=rare, SMALL_CATALOGUE=-1),
        patch.object(pagination, "MANY_ROWS", rare),
    ):
        yield


PATIENT = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def row(name, description, price, stock):
    keys = {
        "name_key": normalize_text(name)[:100],
        "words": normalize_text(f"{name}\n{description}"),
        "version": 1,
    }
    return {"name": name, "description": description, "price": price, "stock": stock, **keys}


def change(ctx, kind, *facts):
    """What may happen to a catalogue, by the shop or by hand."""
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
        session.execute(insert(Product), [row(*facts)] * 2)
    else:
        by_hand(session, kind, *facts)
    return session.commit()


def by_hand(session, kind, which, text=""):
    ids = session.scalars(select(Product.id).order_by(Product.id)).all()
    mine = Product.id == (ids[which % len(ids)] if ids else 0)
    session.execute({
        "change": update(Product).where(mine).values(name=text, words=normalize_text(f"{text}\n"), description=""),
        "retire": update(Product).where(mine).values(retired_at=now()),
        "return": update(Product).values(retired_at=None),
        "sell": update(Product).where(mine).values(stock=0),
        "renumber": update(Product).where(mine).values(id=Product.id + 1000),
        "delete": delete(Product).where(mine),
    }[kind])  # fmt: skip


def naive(ctx, asked):
    """The ids that a search should find, in their order."""
    chosen = [
        (getattr(each, products.SORT_COLUMNS[asked["sort"]].key), each.id)
        for each in ctx.session.scalars(select(Product).execution_options(populate_existing=True))
        if each.retired_at is None
        and normalize_text(asked.get("q", "")) in each.words
        and asked.get("min_price", 0) <= each.price <= asked.get("max_price", 9)
        and ("in_stock" not in asked or asked["in_stock"] == (each.stock > 0))
    ]
    ctx.session.rollback()
    return [id for _, id in sorted(chosen, key=itemgetter(0, 1), reverse=asked["order"] == "desc")]


def walked(ctx, asked):
    """All that is on the pages, by next; the same by prev; and the total of each."""
    there = [products.list_products(ctx, asked)]
    while there[-1].next:
        there.append(products.list_products(ctx, {**asked, "page": str(there[-1].next)}))
    back = [products.list_products(ctx, {**asked, "page": str(there[-1].last)})]
    while back[-1].prev:
        back.append(products.list_products(ctx, {**asked, "page": str(back[-1].prev)}))
    ids = [[each.id for page in way for each in page.items] for way in (there, back[::-1])]
    return ids, {page.total for page in there + back}


# From how many on words are common, so that a few products go all ways.
RARE = st.sampled_from([0, 1, 3, search.MAX_RARE_MATCHES])  # and no catalogue is too small for the index


@given(RARE, st.lists(STEPS, min_size=1, max_size=8), st.lists(SEARCHES, min_size=1, max_size=3))
@PATIENT
def test_a_search_finds_what_a_plain_one_finds(app, rare, steps, asked):
    empty_database(app)
    with app.app_context(), thresholds(rare):
        ctx = Context(app.extensions["sqlalchemy"].session(), OPERATOR)
        for step in steps:
            change(ctx, *step)
            for each in asked:
                wanted = naive(ctx, each)
                assert walked(ctx, each) == ([wanted, wanted], {len(wanted)})


@given(RARE, st.lists(STEPS, min_size=1, max_size=8), SEARCHES)
@settings(PATIENT, max_examples=25)
def test_a_search_by_spans_finds_and_counts_the_same(app, rare, steps, asked):
    empty_database(app)
    with app.app_context(), thresholds(rare):
        ctx = Context(app.extensions["sqlalchemy"].session(), OPERATOR)
        for step in steps:
            change(ctx, *step)
        span, wanted = catalogue.list_product_span(ctx, asked, 100), naive(ctx, asked)
        assert ([each.id for each in span.items], span.count_total()) == (wanted, len(wanted))


@given(RARE, TEXTS.filter(bool), TEXTS)
@settings(PATIENT, max_examples=60)
def test_whoever_searches_for_a_part_of_the_words_finds_them(app, rare, text, around):
    empty_database(app)
    with app.app_context(), thresholds(rare):
        ctx = Context(app.extensions["sqlalchemy"].session(), OPERATOR)
        change(ctx, "add", f"{around}{text}{around}", "", 1, 1)
        change(ctx, "take in")
        asked = {"sort": "id", "order": "asc", "per_page": 1, "page": 1, "q": text}
        assert products.list_products(ctx, asked).total == len(naive(ctx, asked))


def late(session):
    found = session.scalar(select(func.count()).select_from(search.PENDING_WORDS))
    session.rollback()
    return found


def test_what_the_index_is_late_with_is_taken_in(app, session):
    session.execute(insert(Product), [row("oak", "", 1, 1)] * (search.INDEX_BATCH + 1))
    session.commit()
    assert wait_until(lambda: search.catch_up_index(session.get_bind()) or late(session) == 0)


def test_a_search_sees_to_it_that_the_index_catches_up(client, session):
    session.execute(insert(Product), [row("oak", "", 1, 1)] * (search.MAX_PENDING + 1))
    session.commit()
    search.SIZE_ESTIMATES.clear()  # what it looked at some seconds ago
    client.get("/api/v1/products?q=oak")
    assert wait_until(lambda: late(session) == 0)


def test_a_sale_leaves_the_index_alone(session, product):
    id, before = product(), late(session)
    session.execute(update(Product).where(Product.id == id).values(stock=3, version=2))
    session.commit()
    assert late(session) <= before
