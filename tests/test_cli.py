"""The `shop` command: its effects and exit codes, and no tracebacks."""

import json
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest
import requests

from shop.cli.serve import SAMPLE_CATALOGUE
from tests.conftest import HEAD, KEY, PASSWORD, CommandResult, fresh_postgres
from tests.servers import find_free_port, wait_for_port

SHOP = Path(sys.executable).with_name("shop")
ERROR_LINE = re.compile(r"shop: [^\n]+\n")
ADD_USER = ("user", "add", "ada", "--email", "ada@shop.example", "--password-stdin")
SECRET = f"{PASSWORD}\n".encode()


@pytest.fixture
def run_migrated(run):
    """Runs the command in a folder with a migrated database."""
    assert run("db", "upgrade").code == 0
    return run


@pytest.fixture
def run_with_account(run_migrated):
    """Runs the command in a folder with a migrated database and one account."""
    assert run_migrated(*ADD_USER, stdin=SECRET).code == 0
    return run_migrated


@pytest.fixture
def run_process(bare_environment, empty_folder, monkeypatch):
    """Runs the command as a separate process."""
    monkeypatch.setenv("SHOP_SECRET_KEY", KEY)

    def call(*args: str) -> CommandResult:
        result = subprocess.run([SHOP, *args], capture_output=True, text=True, timeout=30)
        return CommandResult(result.returncode, result.stdout, result.stderr)

    return call


def query(statement: str) -> list[tuple[object, ...]]:
    with sqlite3.connect("shop.db") as connection:
        rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


def is_refused(result, words: str) -> bool:
    """Whether the command ended with 1 and printed one line of error that contains these words."""
    return result.code == 1 and bool(ERROR_LINE.fullmatch(result.err)) and words in result.err


# ---- Errors that a user can cause ------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", [["serve"], ["check"], ["db", "upgrade"], ADD_USER, ["user", "disable", "ada"]]
)
def test_a_missing_key_stops_every_command(run, command):
    assert is_refused(run(*command, secret_key=None), "SHOP_SECRET_KEY is missing")


@pytest.mark.parametrize("command", [["serve"], ["check"], ["db", "upgrade"], ADD_USER, ["init"]])
def test_a_wrong_database_url_stops_every_command(run, command):
    assert is_refused(run(*command, database_url="mysql://u:hunter2@db/shop"), "SHOP_DATABASE_URL holds")


@pytest.mark.parametrize("command", [["serve"], ["db", "upgrade"], ADD_USER, ["export", "a.csv"], ["init"]])
def test_a_postgresql_that_does_not_answer_is_one_line_with_its_reason(run, command):
    url = f"postgresql://u:hunter2@127.0.0.1:{find_free_port()}/shop"
    result = run(*command, database_url=url)
    assert is_refused(result, "the database refuses: connection failed")
    assert "hunter2" not in result.err


@pytest.mark.parametrize("command", [["serve"], ["db", "upgrade"], ADD_USER])
def test_a_database_in_no_folder_is_one_line(run, command):
    assert is_refused(
        run(*command, database_url="sqlite:////no/folder/shop.db"), "unable to open database file"
    )


def test_a_folder_cannot_be_the_database(run, empty_folder):
    assert is_refused(
        run("db", "upgrade", database_url=f"sqlite:///{empty_folder}"), "unable to open database file"
    )


@pytest.mark.parametrize(
    "command",
    [["serve"], ADD_USER, ["user", "disable", "ada"], ["export", "a.csv"], ["import", SAMPLE_CATALOGUE]],
)
def test_a_database_without_tables_is_said_with_the_way_out(run, command):
    assert is_refused(run(*command), f"the database is at step none, not {HEAD}: run `shop db upgrade`")


def test_an_unknown_user_cannot_be_disabled(run_migrated):
    assert is_refused(run_migrated("user", "disable", "nobody"), "There is no such user.")


def test_a_disabled_user_cannot_be_disabled_again(run_with_account):
    run_with_account("user", "disable", "ada")
    assert run_with_account("user", "disable", "ada").code == 1


@pytest.mark.parametrize(("name", "email"), [("ADA", "other@shop.example"), ("other", "ADA@shop.example")])
def test_a_name_or_an_address_is_taken_once(run_with_account, name, email):
    result = run_with_account("user", "add", name, "--email", email, "--password-stdin", stdin=SECRET)
    assert is_refused(result, "is taken.")


@pytest.mark.parametrize(
    ("password", "words"),
    [(b"short\n", "Length"), (b"\n", "Length"), (b"", "Length"), (b"password123\n", "too common")],
)
def test_a_weak_password_is_refused(run_migrated, password, words):
    assert is_refused(run_migrated(*ADD_USER, stdin=password), words)


def test_a_password_that_is_not_text_is_refused(run_migrated):
    assert is_refused(
        run_migrated(*ADD_USER, stdin=b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\n"), "not text in UTF-8"
    )


@pytest.mark.parametrize("name", ["a", "a b c", "ada\udcff", "<ada>"])
def test_a_name_that_is_none_is_refused(run_migrated, name):
    result = run_migrated(
        "user", "add", name, "--email", "ada@shop.example", "--password-stdin", stdin=SECRET
    )
    assert is_refused(result, "username:")


@pytest.mark.parametrize("email", ["ada", "ada@", "ada@shop.exam\udcffple"])
def test_an_address_that_is_none_is_refused(run_migrated, email):
    result = run_migrated("user", "add", "ada", "--email", email, "--password-stdin", stdin=SECRET)
    assert ERROR_LINE.fullmatch(result.err)
    assert result.code == 1


def test_a_name_that_is_not_text_is_nobody(run_migrated):
    assert is_refused(run_migrated("user", "disable", "ada\udcff"), "not text in UTF-8")


def test_an_unknown_step_is_one_line(run_process):
    result = run_process("db", "upgrade", "nonsense")
    assert (result.code, result.err) == (1, "Error: Can't locate revision identified by 'nonsense'\n")


@pytest.mark.parametrize(
    "name", ["/sys/catalogue.csv", "missing/catalogue.csv", f"{SAMPLE_CATALOGUE}/catalogue.csv"]
)
def test_a_file_that_cannot_be_made_is_one_line(run_migrated, name):
    assert is_refused(run_migrated("export", name), name)


def test_an_export_never_overwrites(run_migrated, empty_folder):
    (empty_folder / "a.csv").write_text("mine")
    assert is_refused(run_migrated("export", "a.csv"), "a.csv already exists; it was not changed")
    assert (empty_folder / "a.csv").read_text() == "mine"


def test_an_export_that_fails_leaves_no_file_behind(run_migrated, empty_folder):
    assert run_migrated("export", "a.txt").code == 1
    assert not (empty_folder / "a.txt").exists()


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["nonsense"],
        ["serve", "--nonsense"],
        ["serve", "--port", "0"],
        ["serve", "--threads", "65"],
        ["demo", "--port", "65536"],
        ["user", "add", "ada"],
        ["user", "add", "ada", "--email", "a@b.example", "--role", "king"],
        ["import"],
        ["import", "missing.csv"],
        ["import", "."],
        ["export", "."],
    ],
)
def test_wrong_usage_ends_with_2_and_no_traceback(run_migrated, command):
    result = run_migrated(*command)
    assert (result.code, "Traceback" in result.err) == (2, False)


@pytest.mark.parametrize(
    "command", [["--help"], ["serve", "-h"], ["user", "add", "--help"], ["db", "--help"]]
)
def test_help_ends_with_0(run, command):
    assert run(*command, secret_key=None).code == 0


def test_a_taken_port_is_one_line(run_migrated, run_process):
    with socket.create_server(("127.0.0.1", 0)) as other:
        result = run_process("serve", "--port", str(other.getsockname()[1]))
    assert is_refused(result, "Address already in use")


# ---- init ------------------------------------------------------------------------------------------

ANSWERS = f"grace\ngrace@shop.example\n{PASSWORD}\n".encode()


@pytest.fixture
def run_init(run):
    """Runs `shop init` without any settings."""
    return lambda stdin=ANSWERS, **settings: run("init", stdin=stdin, secret_key=None, **settings)


def test_init_makes_a_shop_with_a_staff_account(run_init):
    assert (run_init().code, query("SELECT username, role FROM users")) == (0, [("grace", "staff")])


def test_init_writes_a_key_that_only_the_owner_may_read(run_init, empty_folder):
    run_init()
    assert (empty_folder / ".env").stat().st_mode & 0o777 == 0o600


def test_what_init_wrote_is_enough_for_the_other_commands(run_init, run):
    run_init()
    assert run("check", secret_key=None).code == 0


def test_init_leaves_a_dotenv_that_is_there_as_it_is(run_init, empty_folder):
    (empty_folder / ".env").write_text("SHOP_THREADS=3\n")
    assert is_refused(run_init(), ".env already exists; it was not changed")
    assert (empty_folder / ".env").read_text() == "SHOP_THREADS=3\n"


@pytest.mark.parametrize("answers", [b"", b"grace\n", b"grace\ngrace@shop.example\nshort\n", b"\xff\n"])
def test_init_that_was_broken_off_can_be_run_again(run_init, answers):
    assert (run_init(answers).code, run_init().code) == (1, 0)


def test_init_says_whether_the_name_is_taken(run_init, empty_folder):
    run_init()
    (empty_folder / ".env").unlink()
    assert is_refused(run_init(ANSWERS.replace(b"@shop", b"@other")), "This username is taken.")


def test_init_in_a_folder_that_takes_no_files_is_one_line(run_init, monkeypatch):
    monkeypatch.chdir("/sys")
    assert is_refused(run_init(), ".env")


# ---- Accounts --------------------------------------------------------------------------------------


def test_an_account_is_a_customer_unless_said_otherwise(run_with_account):
    assert query("SELECT username, role FROM users") == [("ada", "customer")]


def test_an_account_may_be_staff(run_migrated):
    run_migrated(*ADD_USER, "--role", "staff", stdin=SECRET)
    assert query("SELECT role FROM users") == [("staff",)]


def test_the_password_is_kept_as_a_hash_and_shown_nowhere(run_migrated):
    result = run_migrated(*ADD_USER, stdin=SECRET)
    assert PASSWORD not in result.out + result.err + str(query("SELECT * FROM users"))


def test_a_disabled_account_is_disabled(run_with_account):
    assert (run_with_account("user", "disable", "Ada").code, query("SELECT disabled FROM users")) == (
        0,
        [(1,)],
    )


# ---- check -----------------------------------------------------------------------------------------


def test_check_reports_that_all_is_well(run_migrated):
    result = run_migrated("check")
    assert (result.code, result.out) == (0, "settings   ok\nschema     ok\nintegrity  ok\nhooks      ok\n")


def test_check_finds_a_database_that_is_behind(run):
    result = run("check")
    assert is_refused(result, "the check found errors")
    assert f"schema     the database is at step none, not {HEAD}: run `shop db upgrade`\n" in result.out


def test_check_finds_a_file_that_is_no_database(run, empty_folder):
    (empty_folder / "shop.db").write_text("not a database, whatever its name says\n" * 100)
    result = run("check")
    assert is_refused(result, "the check found errors")
    assert "file is not a database" in result.out


def test_check_finds_a_damaged_page(run_with_account, empty_folder):
    query("PRAGMA wal_checkpoint(TRUNCATE)")
    [(page,)] = query("SELECT rootpage FROM sqlite_schema WHERE name = 'ix_products_live_price'")
    with (empty_folder / "shop.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xa5" * 4096)
    result = run_with_account("check")
    assert is_refused(result, "the check found errors")
    assert re.search(r"^schema     ok\nintegrity  (?!ok)\S", result.out, re.MULTILINE)


def test_check_finds_an_index_that_somebody_dropped(run_migrated):
    query("DROP INDEX ix_products_live_price")
    result = run_migrated("check")
    assert is_refused(result, "the check found errors")
    assert "schema     add_index ix_products_live_price\n" in result.out


def test_check_leaves_what_a_newer_version_made_alone(run_migrated):
    query("ALTER TABLE products ADD COLUMN more TEXT")
    query("UPDATE alembic_version SET version_num = '9999'")
    assert run_migrated("check").code == 0


def test_check_finds_a_row_that_refers_to_nothing(run_migrated):
    query("INSERT INTO logins VALUES ('a', 77, 'b', '2030-01-01')")
    assert "integrity  logins: a row refers to nothing\n" in run_migrated("check").out


def test_check_says_when_postgresql_does_not_answer(run):
    result = run("check", database_url=f"postgresql://127.0.0.1:{find_free_port()}/shop")
    assert is_refused(result, "the check found errors")
    assert "schema     the database refuses: connection failed" in result.out


def test_check_is_content_with_a_good_postgresql(run, postgres):
    with fresh_postgres(postgres) as url:
        run("db", "upgrade", database_url=url)
        assert run("check", database_url=url).code == 0


# ---- Servers, as separate processes ----------------------------------------------------------------


@contextmanager
def start_shop(*args: str, port: int) -> Iterator[subprocess.Popen[str]]:
    command = [SHOP, *args, "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        watch = Timer(30, process.kill)
        watch.start()
        try:
            wait_for_port(port)
            yield process
        finally:
            watch.cancel()
            process.kill()


def stop_process(process: subprocess.Popen[str], number: int) -> CommandResult:
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    return CommandResult(process.returncode, out, err)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_serves_until_it_is_told_to_stop(empty_folder, bare_environment, monkeypatch, number):
    monkeypatch.setenv("TMPDIR", str(empty_folder))
    port = find_free_port()
    with start_shop("demo", port=port) as process:
        total = requests.get(f"http://127.0.0.1:{port}/api/v1/products", timeout=5).json()["total"]
        result = stop_process(process, number)
    assert (result.code, total) == (0, len(SAMPLE_CATALOGUE.read_text().splitlines()) - 1)
    assert f"Begin at http://127.0.0.1:{port}/" in result.out
    assert "Traceback" not in result.err
    assert list(empty_folder.iterdir()) == []  # nothing of the demo is left


def test_the_accounts_of_a_demo_can_log_in(empty_folder, bare_environment):
    port = find_free_port()
    with start_shop("demo", port=port) as process:
        result = log_in_to_demo(process, port)
    assert result == [200, 200]


def log_in_to_demo(process: subprocess.Popen[str], port: int) -> list[int]:
    output = "".join(process.stdout.readline() for _ in range(3))
    accounts = re.findall(r"(staff|customer) +password (\S+)", output)
    return [
        requests.post(
            f"http://127.0.0.1:{port}/api/v1/tokens", json={"username": name, "password": password}, timeout=5
        ).status_code
        for name, password in accounts
    ]


def test_a_demo_needs_no_settings_and_heeds_none(empty_folder, monkeypatch, bare_environment):
    monkeypatch.setenv("SHOP_DATABASE_URL", "nonsense")
    port = find_free_port()
    with start_shop("demo", port=port) as process:
        assert stop_process(process, signal.SIGINT).code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_says_where_it_listens_and_stops_when_told(run_migrated, number):
    port = find_free_port()
    with start_shop("serve", port=port) as process:
        status = requests.get(f"http://127.0.0.1:{port}/health/ready", timeout=5).status_code
        result = stop_process(process, number)
    assert (result.code, status) == (0, 200)
    first, second = map(json.loads, result.err.splitlines())
    assert first["message"] == f"listening on http://127.0.0.1:{port}"
    assert second["route"] == "/health/ready"


def test_an_option_of_serve_leaves_the_dotenv_file_in_force(run_init, monkeypatch):
    run_init(b"grace\ngrace@shop.example\n" + SECRET)
    port = find_free_port()
    with start_shop("serve", "--threads", "2", port=port) as process:
        assert stop_process(process, signal.SIGINT).code == 0


def test_answers_that_have_expired_are_forgotten_by_command(run_migrated):
    assert (
        run_migrated("purge").out
        == "0 unpaid orders cancelled.\n0 abandoned drafts deleted.\n0 stored answers deleted.\n"
        "0 old deliveries deleted.\n0 old changes deleted.\n"
    )
