"""Idempotency keys, and the fingerprints by which a repeated request is recognised."""

import hashlib
import hmac
import re

from shop.hypermedia.runtime import get_settings

QUOTED_KEY = re.compile(r'"([\x20-\x21\x23-\x5b\x5d-\x7e]{1,255})"')
BARE_KEY = re.compile(r"[A-Za-z0-9._~:+/=@-]{1,255}")


def parse_key(text: str) -> str | None:
    """Return the key that the text holds, quoted or bare; None if it is not valid."""
    if found := QUOTED_KEY.fullmatch(text):
        return found[1]
    return text if BARE_KEY.fullmatch(text) else None


def build_fingerprints(*parts: bytes) -> tuple[str, ...]:
    """Return the fingerprints of a request, one for each secret key; the first is the one to store.

    Keyed, because a request may hold a password, and a copy of the database must not help to guess it.
    The last one is how version 0.1.0 stored it, for requests that are repeated across an upgrade.
    """
    content = b"\n".join(parts)
    keyed = (hmac.new(key.encode(), content, hashlib.sha256) for key in get_settings().secret_key)
    return *(each.hexdigest() for each in keyed), hashlib.sha256(content).hexdigest()
