"""Automatic persisted queries: a client sends a text once, and from then on only its hash.

Each process has its own store. If a hash is unknown there, the client sends the text again, as the protocol
demands. So nothing has to be shared, and no client can fill a store that others need.
"""

import hashlib
import re
from collections import OrderedDict
from sys import getsizeof
from threading import Lock

MAX_QUERIES, MAX_QUERY_LENGTH = 1000, 16_384  # texts, and characters of each
MAX_MEMORY = 4 * 1024 * 1024  # bytes of memory for all texts
ENTRY_OVERHEAD = 400  # bytes that an entry takes in addition to its text
DIGEST_PATTERN = re.compile(r"[0-9a-f]{64}")


class PersistedQueries:
    """The texts used most recently in this process, limited by number and by memory."""

    def __init__(self) -> None:
        self.texts: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self.size, self.lock = 0, Lock()

    def find_query(self, digest: str) -> str | None:
        """Return the text with this hash, and mark it as used."""
        with self.lock:
            if digest not in self.texts:
                return None
            self.texts.move_to_end(digest)
            return self.texts[digest][0]

    def is_new(self, digest: str, text: str) -> bool:
        """Whether the text is not stored yet and short enough to be stored."""
        return digest not in self.texts and len(text) <= MAX_QUERY_LENGTH

    def store_query(self, digest: str, text: str) -> None:
        """Store a text, and remove the texts that have been unused for longest."""
        with self.lock:
            if self.is_new(digest, text):
                self.texts[digest] = text, (size := getsizeof(text) + ENTRY_OVERHEAD)
                self.size += size
            while len(self.texts) > MAX_QUERIES or self.size > MAX_MEMORY:
                _, (_, size) = self.texts.popitem(last=False)
                self.size -= size


def hash_query(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
