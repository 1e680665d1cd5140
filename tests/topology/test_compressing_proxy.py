"""Behind nginx, tags survive compression: whether the shop compresses an answer or nginx does."""

import pytest
import requests

from shop.model.moves import STAFF
from tests.conftest import enroll_user
from tests.load import build_shop
from tests.nginx import CONF, start_nginx
from tests.running import serving

HIDING = CONF.read_text().replace(
    "proxy_set_header Host", 'proxy_set_header Accept-Encoding ""; proxy_set_header Host'
)
BY = {"the shop": CONF.read_text(), "nginx": HIDING}
FORMS = "application/prs.hal-forms+json"


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return build_shop(f"sqlite:///{tmp_path_factory.mktemp('compressed') / 'shop.db'}")


@pytest.fixture(scope="module")
def shop(scene):
    with serving(scene.url, SHOP_TRUSTED_PROXY="127.0.0.1") as (process,):
        yield process


@pytest.fixture(scope="module")
def token(scene):
    return enroll_user(scene.app, "grace", STAFF)[1]["access_token"]


@pytest.fixture(scope="module", params=BY)
def front(request, shop, tmp_path_factory):
    """The address of nginx, and how the entity tags begin that come through it."""
    with start_nginx(tmp_path_factory.mktemp("nginx"), [shop], BY[request.param]) as url:
        yield url, '"' if request.param == "the shop" else 'W/"'


@pytest.fixture
def clerk(token):
    with requests.Session() as session:
        session.headers.update(
            {"Accept": FORMS, "Accept-Encoding": "gzip", "Authorization": f"Bearer {token}"}
        )
        yield session


def test_a_tag_that_came_through_is_good_for_a_change_and_stale_afterwards(front, clerk):
    url, begins = front
    product = f"{url}/api/v1/products/1"
    seen = clerk.get(product, timeout=5)
    assert (seen.headers["Content-Encoding"], seen.headers["ETag"].startswith(begins)) == ("gzip", True)
    known = {"If-None-Match": seen.headers["ETag"]}
    assert clerk.get(product, headers=known, timeout=5).status_code == 304
    wanted = {"If-Match": seen.headers["ETag"]}
    changes = [
        clerk.patch(product, json={"description": "Oiled."}, headers=wanted, timeout=5) for _ in range(2)
    ]
    assert [answer.status_code for answer in changes] == [200, 412]
    assert clerk.get(product, headers=known, timeout=5).status_code == 200
    again = {"If-Match": changes[0].headers["ETag"]}
    assert clerk.patch(product, json={"description": "Waxed."}, headers=again, timeout=5).status_code == 200
