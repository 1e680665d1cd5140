"""Automatic persisted queries: a client says a text once, and from then on only its hash."""

import hashlib
import logging
import re
from collections import OrderedDict
from threading import Lock
from time import monotonic
from typing import Any

from shop.doors.graphql.errors import Refused

KEPT, LONGEST, DAY, REST = 1000, 16_384, 24 * 3600, 5
DIGEST = re.compile(r"[0-9a-f]{64}")

log = logging.getLogger("shop")


class Persisted:
    """The last texts that were said, in this process, and in Redis for those that never heard them."""

    def __init__(self, redis_url: str) -> None:
        self.texts: OrderedDict[str, str] = OrderedDict()
        self.lock, self.asleep, self.redis = Lock(), 0.0, None
        if redis_url:
            from redis import Redis

            self.redis = Redis.from_url(
                redis_url, socket_timeout=0.2, socket_connect_timeout=0.2, decode_responses=True
            )

    def text(self, digest: str) -> str:
        found = self.texts.get(digest) or self.shared("get", key(digest))
        if not found or hashed(found) != digest:
            raise Refused("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound", status=404)
        self.keep(digest, found)
        return found

    def put(self, digest: str, text: str) -> None:
        if digest not in self.texts and len(text) <= LONGEST:
            self.shared("set", key(digest), text, ex=DAY)
        if len(text) <= LONGEST:
            self.keep(digest, text)

    def keep(self, digest: str, text: str) -> None:
        with self.lock:
            self.texts[digest] = text
            self.texts.move_to_end(digest)
            if len(self.texts) > KEPT:
                self.texts.popitem(last=False)

    def shared(self, command: str, *args: Any, **options: Any) -> Any:
        """What Redis says; one that does not answer is left alone for a while."""
        if not self.redis or monotonic() < self.asleep:
            return None
        from redis import RedisError

        try:
            return getattr(self.redis, command)(*args, **options)
        except RedisError:
            self.asleep = monotonic() + REST
            log.warning("the store of the persisted queries does not answer")
            return None


def key(digest: str) -> str:
    return f"shop:query:{digest}"


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def asked(extensions: dict[str, Any]) -> str | None:
    """The hash that a request names, by Apollo's protocol."""
    if (named := extensions.get("persistedQuery")) is None:
        return None
    digest = named.get("sha256Hash") if isinstance(named, dict) and named.get("version") == 1 else None
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise Refused("BAD_REQUEST", "persistedQuery is {version: 1, sha256Hash: 64 hexadecimal digits}.")
    return digest
