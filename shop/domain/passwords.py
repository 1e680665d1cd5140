"""Password hashes with argon2id and the parameters that OWASP recommends."""

import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from shop.model.errors import Unavailable

T = TypeVar("T")

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# A hash takes a core about 25 ms; the pool keeps a flood of logins from starving other requests.
# It is small, because a hash takes 19 MiB of memory, which some servers keep for each thread.
HASHING_THREADS = ThreadPoolExecutor(os.cpu_count() or 1, "shop-passwords")
HASHING_TIMEOUT = 3.0  # seconds to wait for a thread
# Unknown usernames are checked against this hash, so that they take as long as known ones.
DUMMY_HASH = HASHER.hash(os.urandom(16))


def run_in_thread(function: Callable[..., T], *values: Any) -> T:
    future = HASHING_THREADS.submit(function, *values)
    try:
        return future.result(HASHING_TIMEOUT)
    except TimeoutError:
        future.cancel()
        raise Unavailable("Too many passwords are being checked.", retry_after=2) from None


def normalize_password(password: str) -> str:
    """Return one spelling of a password, because keyboards encode the same characters differently."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    return run_in_thread(HASHER.hash, normalize_password(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    try:
        return run_in_thread(HASHER.verify, password_hash or DUMMY_HASH, normalize_password(password))
    except (VerifyMismatchError, InvalidHashError):
        return False
