"""Where webhooks may be sent: to public addresses, so that nobody reaches a private network through them."""

import re
import socket
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LookupTimeout
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from threading import BoundedSemaphore, Thread
from urllib.parse import urlsplit

MAX_URL = 500  # characters
PUBLIC_PORTS = (443, 8443)
LOOKUP_SECONDS = 3.0
MAX_LOOKUPS = 32  # at a time in one process; a slow name server must not take all threads
LOOKUPS = BoundedSemaphore(MAX_LOOKUPS)

# Public to the IP registries, but no places of a receiver: multicast, and the relays of 6to4.
RELAYS_AND_GROUPS = (IPv4Network("192.88.99.0/24"), IPv4Network("224.0.0.0/3"))
PRIVATE = "Its address is not public."
URL_PATTERN = re.compile(r"[!#-;=?-\[\]_a-z~]{1,500}")  # the characters that a URL may have
HOST_PATTERN = re.compile(r"[0-9a-z_.-]{1,253}|[0-9a-f:.]{2,45}")
UNICAST = IPv6Network("2000::/3")
# Inside of them, but no receivers: Teredo and 6to4, which hold another address, and documentation.
SPECIAL = (IPv6Network("2001::/23"), IPv6Network("2002::/16"), IPv6Network("3fff::/20"))


class AddressError(Exception):
    """Why a URL is no place that webhooks may be sent to."""


@dataclass(frozen=True)
class Target:
    """A URL in its parts."""

    is_encrypted: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says: the port is left out where it is the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_encrypted else 80) else f"{host}:{self.port}"


def parse_target(url: str, *, allow_private: bool = False) -> Target:
    """Return the parts of a URL; raise AddressError if webhooks may not be sent there.

    `allow_private` is for development: it also allows http, any port and any address.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise AddressError("It must be a URL.") from None
    if parts.scheme not in (("https", "http") if allow_private else ("https",)):
        raise AddressError("It must begin with https://.")
    has_brackets = "[" in parts.netloc
    if not HOST_PATTERN.fullmatch(host) or has_brackets != (":" in host) or not URL_PATTERN.fullmatch(url):
        raise AddressError("It must be a URL, with all other characters percent-encoded.")
    if "@" in parts.netloc:
        raise AddressError("It must have no user name and no password.")
    if parts.fragment:
        raise AddressError("It must have no fragment.")
    is_encrypted = parts.scheme == "https"
    port = (443 if is_encrypted else 80) if port is None else port
    if port == 0 or (port not in PUBLIC_PORTS and not allow_private):
        raise AddressError(f"Its port must be {' or '.join(map(str, PUBLIC_PORTS))}.")
    if not allow_private and is_address(host) and not is_public(ip_address(host)):
        raise AddressError(PRIVATE)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(is_encrypted, host, port, path)


def resolve_target(
    target: Target, seconds: float = LOOKUP_SECONDS, *, allow_private: bool = False
) -> list[str]:
    """Return the addresses of a target; raise AddressError if it has none, or if one of them is private."""
    addresses = look_up(target.host, target.port, seconds)
    if not allow_private and not all(is_public(ip_address(address)) for address in addresses):
        raise AddressError(PRIVATE)
    return addresses


def look_up(host: str, port: int, seconds: float) -> list[str]:
    """Ask the system for the addresses of a host in a thread, because the question has no deadline."""
    if is_address(host):
        return [host]
    if not LOOKUPS.acquire(timeout=seconds):
        raise AddressError("Its host name could not be looked up in time.")
    answer = Future[list[str]]()
    Thread(target=run_lookup, args=(host, port, answer), daemon=True).start()
    try:
        return answer.result(seconds)
    except LookupTimeout:
        raise AddressError("Its host name could not be looked up in time.") from None
    except (OSError, UnicodeError):
        raise AddressError("Its host name has no address.") from None


def run_lookup(host: str, port: int, answer: Future[list[str]]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        answer.set_result(list(dict.fromkeys(place[0].partition("%")[0] for *_, place in found)))
    except Exception as error:  # noqa: BLE001 - raised again in the thread that waits for it
        answer.set_exception(error)
    finally:
        LOOKUPS.release()


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to the public internet, and stands for no other address."""
    if isinstance(address, IPv4Address):
        return address.is_global and not any(address in network for network in RELAYS_AND_GROUPS)
    is_special = any(address in network for network in SPECIAL)
    return address in UNICAST and address.is_global and not is_special
