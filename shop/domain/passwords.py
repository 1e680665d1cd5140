"""Passwords are kept as argon2id hashes with the parameters that OWASP asks for."""

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
# A hash costs a core some 25 ms: a flood of logins may use the cores, but not starve all other requests.
# The threads are few, because the allocator keeps the 19 MiB of a hash for each thread that ever made one.
HASHING_THREADS = ThreadPoolExecutor(os.cpu_count() or 1, "shop-passwords")
HASHING_TIMEOUT = 3.0  # seconds to wait for a thread
# What an unknown name is checked against, so that it answers no sooner than a known one.
DUMMY_HASH = HASHER.hash(os.urandom(16))


def run_in_thread(function: Callable[..., T], *values: Any) -> T:
    future = HASHING_THREADS.submit(function, *values)
    try:
        return future.result(HASHING_TIMEOUT)
    except TimeoutError:
        future.cancel()
        raise Unavailable("Too many passwords are being checked.", retry_after=2) from None


def normalize_password(password: str) -> str:
    """One password typed on two keyboards may come as two spellings of the same characters."""
    return unicodedata.normalize("NFKC", password)


def hash_password(password: str) -> str:
    return run_in_thread(HASHER.hash, normalize_password(password))


def verify_password(password_hash: str | None, password: str) -> bool:
    try:
        return run_in_thread(HASHER.verify, password_hash or DUMMY_HASH, normalize_password(password))
    except (VerifyMismatchError, InvalidHashError):
        return False
