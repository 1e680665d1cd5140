"""ETags, conditional requests and preconditions of REST."""

import threading
import time

import pytest


def get_tag(answer):
    return answer.headers["ETag"]


class TestReading:
    def test_every_answer_to_a_get_has_a_tag(self, anonymous, desk):
        urls = ["/", desk, "/api/v1/products", "/openapi/v1.json", "/profile", "/docs"]
        assert all("ETag" in anonymous.get(url).headers for url in urls)

    @pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
    def test_what_is_known_is_not_sent_again(self, anonymous, desk, form):
        tag = get_tag(anonymous.get(desk))
        answer = anonymous.get(desk, headers={"If-None-Match": form.format(tag)})
        assert (answer.status_code, answer.data) == (304, b"")

    def test_a_304_has_the_headers_of_the_200(self, anonymous, desk):
        first = anonymous.get(desk)
        again = anonymous.get(desk, headers={"If-None-Match": get_tag(first)})
        names = ("ETag", "Vary", "Cache-Control")
        assert [again.headers[name] for name in names] == [first.headers[name] for name in names]

    def test_a_304_has_no_content_type(self, anonymous, desk):
        again = anonymous.get(desk, headers={"If-None-Match": get_tag(anonymous.get(desk))})
        assert "Content-Type" not in again.headers

    def test_a_tag_changes_with_the_state(self, anonymous, staff, desk):
        before = get_tag(anonymous.get(desk))
        staff.post(f"{desk}/restock", {"amount": 1})
        assert get_tag(anonymous.get(desk)) != before

    def test_a_tag_changes_with_what_is_offered(self, customer, staff, desk):
        before = get_tag(customer.get(desk))
        staff.post(f"/api/v1/users/{customer.id}/promote")
        assert customer.get(desk, headers={"If-None-Match": before}).status_code == 200

    def test_a_tag_differs_with_the_media_type(self, anonymous, desk):
        plain = anonymous.get(desk, headers={"Accept": "application/json"})
        assert get_tag(plain) != get_tag(anonymous.get(desk))

    def test_strangers_may_share_the_catalogue_in_caches(self, variant, desk):
        answer = variant(cache_seconds="60").test_client().get(desk)
        assert answer.headers["Cache-Control"] == "public, max-age=60, must-revalidate"

    def test_what_is_tied_to_a_caller_is_private(self, customer, desk):
        assert set(customer.get(desk).headers["Cache-Control"].split(", ")) == {"private", "no-cache"}

    def test_an_answer_to_another_scheme_is_private_too(self, anonymous, desk):
        answer = anonymous.get(desk, headers={"Authorization": "Basic eA=="})
        assert "private" in answer.headers["Cache-Control"]

    @pytest.mark.parametrize("url", ["/api/v1/products", "/api/v1/products/9", "/nowhere", "/api/v1/users"])
    def test_answers_vary_with_what_decides_them(self, anonymous, url):
        assert {"Accept", "Authorization"} <= set(anonymous.get(url).headers["Vary"].split(", "))

    @pytest.mark.v1
    def test_head_says_what_get_would(self, anonymous, desk):
        get, head = anonymous.get(desk), anonymous.call("HEAD", desk)
        names = ("ETag", "Content-Type", "Cache-Control", "Vary", "Content-Length")
        assert ([head.headers[name] for name in names], head.data) == (
            [get.headers[name] for name in names],
            b"",
        )


class TestWriting:
    def test_the_present_tag_lets_a_change_pass(self, staff, desk):
        shown = staff.get(desk)
        assert staff.patch(desk, {"stock": 1}, headers={"If-Match": get_tag(shown)}).status_code == 200

    def test_a_tag_of_any_representation_names_the_version(self, staff, anonymous, desk):
        seen = get_tag(anonymous.get(desk, headers={"Accept": "application/json"}))
        assert staff.patch(desk, {"stock": 1}, headers={"If-Match": seen}).status_code == 200

    @pytest.mark.parametrize(
        ("header", "status"),
        [('"1-1"', 200), ("*", 200), ('"9-9", "1-1"', 200), ('"1-2"', 412), ('W/"1-1"', 200), ("garbage", 412),
         ("1-1", 412), ('"2-1"', 412), ("", 412)],
    )  # fmt: skip
    def test_only_a_present_tag_does(self, staff, desk, header, status):
        assert staff.patch(desk, {"stock": 1}, headers={"If-Match": header}).status_code == status

    def test_a_member_says_it_as_well_as_a_header(self, staff, desk):
        shown = staff.get(desk).json
        staff.patch(desk, {"stock": 1})
        assert staff.put(desk, {**shown, "price": 1}).status_code == 412

    @pytest.mark.parametrize("member", [7, None, [], {}])
    def test_a_member_that_is_no_tag_is_refused(self, staff, desk, member):
        assert staff.patch(desk, {"stock": 1, "_etag": member}).status_code == 400

    def test_a_stale_change_is_refused_and_changes_nothing(self, staff, desk):
        staff.patch(desk, {"stock": 1})
        staff.patch(desk, {"stock": 2}, headers={"If-Match": '"1-1"'})
        assert staff.get(desk).json["stock"] == 1

    def test_a_stale_change_is_told_the_present_tag_and_where_to_look(self, staff, desk):
        staff.patch(desk, {"stock": 1})
        refused = staff.patch(desk, {"stock": 2}, headers={"If-Match": '"1-1"'}).json
        assert (refused["_etag"], refused["_links"]["self"]["href"]) == ('"1-2"', f"http://localhost{desk}")

    def test_a_stale_move_is_told_where_the_thing_itself_is(self, staff, desk):
        refused = staff.post(f"{desk}/restock", {"amount": 1, "_etag": '"1-9"'}).json
        assert refused["_links"]["self"]["href"] == f"http://localhost{desk}"

    @pytest.mark.parametrize(("method", "path"), [("DELETE", ""), ("POST", "/restock"), ("PUT", "")])
    def test_every_change_heeds_the_tag(self, staff, desk, method, path):
        body = {"amount": 1} if path else {"name": "Desk", "price": 1}
        refused = staff.call(method, desk + path, json=body, headers={"If-Match": '"1-9"'})
        assert refused.status_code == 412

    def test_rights_are_checked_before_tags(self, customer, desk):
        assert customer.patch(desk, {"stock": 1}, headers={"If-Match": '"1-9"'}).status_code == 403

    def test_words_are_checked_before_tags(self, staff, desk):
        assert staff.patch(desk, {"stock": -1}, headers={"If-Match": '"1-9"'}).status_code == 400

    def test_the_tag_of_a_thing_that_is_gone_opens_no_other(self, staff, product, desk):
        staff.delete(desk)
        product("Pine stool")
        assert (
            staff.patch("/api/v1/products/2", {"stock": 1}, headers={"If-Match": '"1-1"'}).status_code == 412
        )

    def test_a_tag_is_asked_for_where_the_setting_says_so(self, variant, staff, desk):
        client = variant(require_if_match="on").test_client()
        refused = client.patch(desk, json={"stock": 1}, headers=staff.headers)
        assert (refused.status_code, refused.headers["Cache-Control"]) == (428, "no-store")

    def test_a_tag_that_was_asked_for_may_be_a_member(self, variant, staff, desk):
        client = variant(require_if_match="on").test_client()
        answer = client.patch(desk, json={"stock": 1, "_etag": '"1-1"'}, headers=staff.headers)
        assert answer.status_code == 200


def run_at_once(count, act):
    results, barrier = [], threading.Barrier(count)

    def run(number):
        barrier.wait()
        results.append(act(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return results


def test_of_twenty_who_put_with_one_tag_exactly_one_wins(staff, desk):
    def put(number):
        body = {"name": f"Desk {number}", "price": 1}
        return staff.put(desk, body, headers={"If-Match": '"1-1"'}).status_code

    assert sorted(run_at_once(20, put)) == [200] + [412] * 19


def test_twenty_who_restock_at_once_all_count(staff, desk):
    run_at_once(20, lambda _: staff.post(f"{desk}/restock", {"amount": 5}))
    assert staff.get(desk).json["stock"] == 12 + 100


def test_of_twenty_who_take_the_last_twelve_none_takes_more(staff, desk):
    statuses = run_at_once(20, lambda _: staff.post(f"{desk}/restock", {"amount": -1}).status_code)
    assert (sorted(statuses), staff.get(desk).json["stock"]) == ([200] * 12 + [409] * 8, 0)


def test_of_twenty_who_register_one_name_one_gets_it(anonymous):
    def register(number):
        body = {"username": "eve", "email": f"eve{number}@shop.example", "password": "correct horse"}
        while (status := anonymous.post("/api/v1/users", body).status_code) == 503:
            time.sleep(0.1)  # a slow machine refuses to hash this many passwords at once
        return status

    assert sorted(run_at_once(20, register)) == [201] + [409] * 19
