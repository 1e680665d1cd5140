"""The accounts over REST."""

import pytest

from tests.conftest import PASSWORD, login

EVE = {"username": "eve", "email": "eve@shop.example", "password": "correct horse"}


def test_anyone_may_register(anonymous):
    registered = anonymous.post("/api/v1/users", EVE)
    assert (registered.status_code, registered.headers["Location"]) == (
        201,
        "http://localhost/api/v1/users/1",
    )


def test_an_account_shows_nothing_secret(customer):
    shown = customer.get(f"/api/v1/users/{customer.id}").json
    assert set(shown) == {"id", "username", "email", "role", "disabled", "created_at", "_etag", "_links"}


@pytest.mark.parametrize("member", ["username", "email"])
def test_a_taken_name_or_address_is_a_conflict_that_says_which(anonymous, member):
    anonymous.post("/api/v1/users", EVE)
    other = {"username": "eva", "email": "eva@shop.example", "password": "correct horse"}
    refused = anonymous.post("/api/v1/users", {**other, member: EVE[member]})
    assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (409, f"#/{member}")


@pytest.mark.parametrize("email", ["EVE@SHOP.EXAMPLE", "\uff45ve@shop.example"])
def test_an_address_is_the_same_however_it_is_spelled(anonymous, email):
    anonymous.post("/api/v1/users", EVE)
    assert anonymous.post("/api/v1/users", {**EVE, "username": "eva", "email": email}).status_code == 409


def test_names_that_differ_only_in_case_are_one_name(anonymous):
    anonymous.post("/api/v1/users", EVE)
    refused = anonymous.post("/api/v1/users", {**EVE, "username": "EVE", "email": "eva@shop.example"})
    assert refused.status_code == 409


@pytest.mark.parametrize(
    "member", ["role", "id", "disabled", "is_admin", "version", "created_at", "password_hash", "token_epoch"]
)
def test_nobody_registers_with_more_than_is_asked_for(anonymous, member):
    assert anonymous.post("/api/v1/users", {**EVE, member: "staff"}).status_code == 400


@pytest.mark.parametrize(
    ("password", "status"),
    [("seven77", 400), ("password1", 400), ("PassWord1", 400), ("x" * 129, 400), ("x1" * 32, 201),
     ("päßwörter✓", 201), ("a\u0000bcdefgh", 400), (12345678, 400), (None, 400)],
)  # fmt: skip
def test_a_password_is_long_enough_and_not_everybodys(anonymous, password, status):
    assert anonymous.post("/api/v1/users", {**EVE, "password": password}).status_code == status


@pytest.mark.parametrize(
    "email", ["eve", "eve@", "@shop.example", "eve@shop", "e e@shop.example", "a@b@c.d", 7]
)
def test_an_address_looks_like_one(anonymous, email):
    assert anonymous.post("/api/v1/users", {**EVE, "email": email}).status_code == 400


def test_an_address_whose_folded_letters_are_many_is_kept(anonymous):
    assert anonymous.post("/api/v1/users", {**EVE, "email": "\ufdfa" * 60 + "@a.b"}).status_code == 201


@pytest.mark.parametrize("username", ["ev", "e" * 81, "eve\n", " eve", "ev e", "évê", "../eve", ""])
def test_a_username_has_plain_characters(anonymous, username):
    assert anonymous.post("/api/v1/users", {**EVE, "username": username}).status_code == 400


class TestOnesOwnAccount:
    def test_may_be_changed(self, customer):
        changed = customer.patch(f"/api/v1/users/{customer.id}", {"email": "countess@shop.example"})
        assert changed.json["email"] == "countess@shop.example"

    def test_may_be_put_back_as_it_was_read(self, customer):
        url = f"/api/v1/users/{customer.id}"
        assert customer.put(url, customer.get(url).json).status_code == 200

    @pytest.mark.parametrize("member", ["role", "id", "disabled", "created_at"])
    def test_does_not_change_in_what_is_only_read(self, customer, member):
        url = f"/api/v1/users/{customer.id}"
        before = customer.get(url).json[member]
        assert customer.patch(url, {member: "staff"}).json[member] == before

    @pytest.mark.parametrize("member", ["version", "password_hash", "is_admin", "token_epoch"])
    def test_has_no_members_that_are_not_shown(self, customer, member):
        assert customer.patch(f"/api/v1/users/{customer.id}", {member: 1}).status_code == 400

    def test_may_be_deleted(self, customer, staff):
        url = f"/api/v1/users/{customer.id}"
        assert (customer.delete(url).status_code, staff.get(url).status_code) == (204, 404)

    def test_is_locked_out_by_its_deletion(self, customer):
        customer.delete(f"/api/v1/users/{customer.id}")
        assert customer.get("/api/v1/products").status_code == 401

    def test_leaves_its_name_to_others_when_deleted(self, customer, anonymous):
        customer.delete(f"/api/v1/users/{customer.id}")
        assert anonymous.post("/api/v1/users", {**EVE, "username": customer.username}).status_code == 201

    def test_ends_all_its_logins_with_a_new_password(self, customer):
        customer.patch(f"/api/v1/users/{customer.id}", {"password": "another-good-one"})
        assert customer.get("/api/v1/").status_code == 401

    def test_cannot_promote_itself(self, customer):
        assert customer.post(f"/api/v1/users/{customer.id}/promote").status_code == 403

    @pytest.mark.parametrize("move", ["disable", "enable", "promote", "demote"])
    def test_is_not_moved_by_its_owner_even_if_staff(self, staff, move):
        assert staff.post(f"/api/v1/users/{staff.id}/{move}").status_code == 403


class TestAnothersAccount:
    @pytest.mark.parametrize(
        ("method", "move"), [("GET", ""), ("PUT", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/disable")]
    )
    def test_does_not_exist_for_customers(self, customer, staff, method, move):
        assert customer.call(method, f"/api/v1/users/{staff.id}{move}").status_code == 404

    def test_answers_like_one_that_never_was(self, customer, staff):
        real, never = (customer.get(f"/api/v1/users/{id}").json for id in (staff.id, 999))
        assert {name: real[name] for name in ("detail", "title")} == {
            name: never[name] for name in ("detail", "title")
        }

    @pytest.mark.parametrize("id", [1, 999])
    def test_asks_strangers_to_log_in(self, anonymous, staff, id):
        assert anonymous.get(f"/api/v1/users/{id}").status_code == 401

    def test_may_be_changed_by_staff(self, customer, staff):
        assert staff.patch(f"/api/v1/users/{customer.id}", {"username": "countess"}).status_code == 200

    def test_may_be_disabled_by_staff(self, customer, staff):
        assert staff.post(f"/api/v1/users/{customer.id}/disable").json["disabled"] is True

    def test_cannot_be_disabled_twice(self, customer, staff):
        staff.post(f"/api/v1/users/{customer.id}/disable")
        assert staff.post(f"/api/v1/users/{customer.id}/disable").status_code == 409


def test_a_disabled_user_stops_at_the_next_request(customer, staff):
    staff.post(f"/api/v1/users/{customer.id}/disable")
    assert customer.get("/api/v1/").status_code == 401


def test_a_disabled_user_cannot_renew_tokens(customer, staff):
    staff.post(f"/api/v1/users/{customer.id}/disable")
    token = {"refresh_token": customer.tokens["refresh_token"]}
    assert customer.client.post("/api/v1/tokens/refresh", json=token).status_code == 401


def test_a_disabled_user_who_knows_the_password_is_told_why(customer, staff):
    staff.post(f"/api/v1/users/{customer.id}/disable")
    body = {"username": customer.username, "password": PASSWORD}
    assert customer.client.post("/api/v1/tokens", json=body).status_code == 403


def test_an_enabled_user_may_log_in_again(customer, staff):
    staff.post(f"/api/v1/users/{customer.id}/disable")
    staff.post(f"/api/v1/users/{customer.id}/enable")
    assert "access_token" in login(customer.client, customer.username)


def test_a_demoted_user_is_a_customer_at_the_next_request(person, staff):
    other = person("barbara", "staff")
    staff.post(f"/api/v1/users/{other.id}/demote")
    assert other.get("/api/v1/users").status_code == 403


def test_a_promoted_user_is_staff_at_the_next_request(customer, staff):
    staff.post(f"/api/v1/users/{customer.id}/promote")
    assert customer.get("/api/v1/users").status_code == 200


def test_only_what_would_work_is_offered_on_an_account(customer, staff):
    links = staff.get(f"/api/v1/users/{customer.id}").json["_links"]
    moves = set(links) - {"self", "profile", "collection", "orders"}
    assert moves == {"update", "delete", "disable", "promote"}


def test_an_owner_is_offered_what_owners_may_do(customer):
    links = customer.get(f"/api/v1/users/{customer.id}").json["_links"]
    assert set(links) - {"self", "profile", "orders"} == {"update", "delete"}


def test_staff_list_the_accounts(customer, staff):
    names = [user["username"] for user in staff.get("/api/v1/users").json["_embedded"]["item"]]
    assert names == ["ada", "grace"]


def test_customers_do_not_list_the_accounts(customer):
    assert customer.get("/api/v1/users").status_code == 403


def test_strangers_do_not_list_the_accounts(anonymous):
    assert anonymous.get("/api/v1/users").status_code == 401


def test_a_deleted_account_is_not_listed(customer, staff):
    customer.delete(f"/api/v1/users/{customer.id}")
    assert staff.get("/api/v1/users").json["total"] == 1


def test_nothing_personal_is_kept_of_a_deleted_account(customer, session):
    from shop.domain.user import User

    customer.delete(f"/api/v1/users/{customer.id}")
    kept = session.get(User, customer.id)
    assert (kept.username, kept.email, kept.email_key, kept.username_key, kept.password_hash) == (None,) * 5
