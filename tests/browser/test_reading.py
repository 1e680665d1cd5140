"""The explorer shows resources as sheets and lists as tables, using only what the responses contain."""

import re

from playwright.sync_api import expect


def test_a_resource_is_headed_by_its_name(reader):
    expect(reader.open("/api/v1/products/1").heading).to_have_text("Walnut desk")


def test_the_title_of_the_page_names_it_too(reader):
    expect(reader.open("/api/v1/products/1").page).to_have_title("Walnut desk · Shop")


def test_money_comes_with_its_currency(reader):
    expect(reader.open("/api/v1/products/1").value("Price")).to_have_text("$249.00")


def test_money_of_the_second_version_reads_the_same(reader):
    expect(reader.open("/api/v2/products/1").value("Price")).to_have_text("$249.00")


def test_an_instant_is_in_the_zone_of_the_reader(reader):
    time = reader.open("/api/v1/products/1").value("Created").locator("time")
    hour = int(time.get_attribute("datetime")[11:13])
    expect(time).to_contain_text(f"{(hour + 9) % 12 or 12}:")


def test_the_exact_instant_is_shown_on_hover(reader):
    time = reader.open("/api/v1/products/1").value("Created").locator("time")
    assert re.fullmatch(r"[\d-]{10}T[\d:]{8}Z", time.get_attribute("title"))


def test_a_name_says_what_it_means_on_hover(reader):
    reader.open("/api/v1/products/1")
    expect(reader.page.locator("dt", has_text="Stock")).to_have_attribute("title", "How many there are.")


def test_a_collection_is_a_table_with_a_row_for_each_item(reader):
    rows = reader.open("/api/v1/products?per_page=3").page.locator("tbody tr")
    expect(rows).to_have_count(3)


def test_a_collection_says_how_many_there_are(reader):
    expect(reader.open("/api/v1/products?q=brass").page.locator(".count")).to_contain_text("Total 1")


def test_a_row_leads_to_its_item(reader):
    reader.open("/api/v1/products").link("Brass lamp").click()
    expect(reader.heading).to_have_text("Brass lamp")


def test_a_column_sorts_by_the_search_of_the_collection(reader):
    reader.open("/api/v1/products?per_page=3&q=a").link("Price").click()
    expect(reader.page).to_have_url(re.compile(r"q=a.*sort=price&order=asc|sort=price.*q=a"))


def test_a_column_that_is_sorted_says_so(reader):
    reader.open("/api/v1/products?sort=price&order=desc")
    expect(reader.page.locator("th", has_text="Price")).to_have_attribute("aria-sort", "descending")


def test_sorting_twice_turns_the_order_round(reader):
    reader.open("/api/v1/products").link("Price").click()
    expect(reader.page.locator("th", has_text="Price")).to_have_attribute("aria-sort", "ascending")
    reader.link("Price").click()
    expect(reader.page.locator("th", has_text="Price")).to_have_attribute("aria-sort", "descending")


def test_sorting_begins_at_the_first_page(reader):
    reader.open("/api/v1/products?per_page=1").link("Next").click()
    expect(reader.page).to_have_url(re.compile("page="))
    reader.wait_until_loaded().link("Name").click()
    expect(reader.page).not_to_have_url(re.compile(r"[?&]page="))


def test_pages_are_turned_by_the_links(reader):
    reader.open("/api/v1/products?per_page=1&sort=id").link("Next").click()
    expect(reader.page.locator("tbody")).to_contain_text("Brass lamp")


def test_the_search_form_finds(reader):
    form = reader.open("/api/v1/products").form("Search")
    form.get_by_label("Words").fill("stool")
    form.get_by_role("button", name="Search").click()
    expect(reader.page.locator("tbody tr")).to_have_count(1)


def test_the_search_form_keeps_what_was_asked(reader):
    reader.open("/api/v1/products?q=stool")
    expect(reader.page.get_by_label("Words")).to_have_value("stool")


def test_a_collection_without_items_says_so(reader):
    expect(reader.open("/api/v1/products?q=unheard").page.locator("main")).to_contain_text("Nothing here.")


def test_a_list_inside_a_resource_is_a_small_table(reader, log_in):
    reader.use_login(log_in("ada")).open("/api/v1/products/2").form("Buy now").get_by_label("Quantity").fill(
        "1"
    )
    reader.button("Buy now").click()
    expect(reader.page.get_by_role("region", name="Items")).to_contain_text("Brass lamp")


def test_an_embedded_list_stands_under_its_name(reader, log_in):
    reader.use_login(log_in("ada")).open("/api/v1/users/1?embed=orders")
    expect(reader.page.get_by_role("heading", name="Orders")).to_be_visible()


def test_what_a_server_says_is_text_and_never_markup(reader, add_product):
    reader.open(add_product("<img src=x onerror=alert(1)>"))
    expect(reader.heading).to_have_text("<img src=x onerror=alert(1)>")


def test_a_place_that_is_not_there_is_said_and_leads_home(reader):
    reader.open("/api/v1/nothing").link("Home").click()
    expect(reader.heading).to_have_text("Shop")
