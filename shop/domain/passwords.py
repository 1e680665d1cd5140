"""Passwords are kept as argon2id hashes with the parameters that OWASP asks for."""

import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from shop.domain.errors import Unavailable

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# A hash costs a core some 30 ms: a flood of logins may use the cores, but not starve all other requests.
CORES = BoundedSemaphore(os.cpu_count() or 1)
PATIENCE = 3.0
# What an unknown name is checked against, so that it answers no sooner than a known one.
NOBODY = HASHER.hash(os.urandom(16))


@contextmanager
def core() -> Iterator[None]:
    if not CORES.acquire(timeout=PATIENCE):
        raise Unavailable("Too many passwords are being checked.", retry_after=2)
    try:
        yield
    finally:
        CORES.release()


def plain(password: str) -> str:
    """One password typed on two keyboards may come as two spellings of the same characters."""
    return unicodedata.normalize("NFKC", password)


def seal(password: str) -> str:
    with core():
        return HASHER.hash(plain(password))


def opens(password_hash: str | None, password: str) -> bool:
    with core():
        try:
            return HASHER.verify(password_hash or NOBODY, plain(password))
        except (VerifyMismatchError, InvalidHashError):
            return False
