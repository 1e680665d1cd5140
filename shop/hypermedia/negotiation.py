"""The media types of the API, and how a client names them: what it accepts, and what it sends.

The libraries read some of these headers in a time that grows with the square of their length. So they are
read here, and what is longer than any client writes is not read at all.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

JSON, HTML = "application/json", "text/html"
HAL, HAL_FORMS = "application/hal+json", "application/prs.hal-forms+json"
FORM, MERGE = "application/x-www-form-urlencoded", "application/merge-patch+json"
PROBLEM, EVENT_STREAM = "application/problem+json", "text/event-stream"
VENDOR = re.compile(r"application/vnd\.([a-z0-9-]{1,100})\.(v\d{1,4})\+json")
LONGEST = 2000  # characters of a header that is read
MOST_RANGES = 50
SHORT = 300  # characters of a header that is worth remembering
# It matches at every quote, so that no part of a header is read twice.
QUOTED = re.compile(r'"((?:[^"\\]|\\.?)*)(?:"|$)', re.DOTALL)
QUALITY = re.compile(r"[01](\.\d{0,3})?", re.ASCII)


def remember_short(function: Callable[..., Any]) -> Callable[..., Any]:
    """Cache the results for short headers; long ones would fill the memory."""
    quick = lru_cache(1024)(function)
    return lambda header, *more: (quick if len(header) < SHORT else function)(header, *more)


@remember_short
def parse_media_ranges(accept: str) -> dict[str, float]:
    """Return the media ranges of an Accept header with their quality, without other parameters.

    A header that is too long to be read asks for nothing in particular, like one that is not there.
    """
    wanted: dict[str, float] = {}
    if len(accept) <= LONGEST:
        for part in QUOTED.sub('""', accept).split(",")[:MOST_RANGES]:
            name, *parameters = (word.strip().lower() for word in part.split(";"))
            quality = next((word[2:] for word in parameters if word.startswith("q=")), "1")
            if name:
                wanted[name] = float(quality) if QUALITY.fullmatch(quality) else 0.0
    return wanted or {"*/*": 1.0}


@remember_short
def choose_media_type(accept: str, offers: tuple[str, ...], only_by_name: tuple[str, ...] = ()) -> str | None:
    """Return the best offer: of equal ones a named one, then the first; None if no offer is acceptable.

    An offer in `only_by_name` is not meant by a star.
    """
    wanted = parse_media_ranges(accept)

    def find_quality(offer: str) -> float:
        stars = () if offer in only_by_name else (f"{offer.partition('/')[0]}/*", "*/*")
        return next((wanted[name] for name in (offer, *stars) if name in wanted), 0.0)

    best = max(offers, key=lambda offer: (find_quality(offer), offer in wanted, -offers.index(offer)))
    return best if find_quality(best) else None


@remember_short
def parse_version(accept: str, vendor: str) -> str | None:
    """Return the version of this vendor that an Accept header asks for by name."""
    wanted = ((VENDOR.fullmatch(name), quality) for name, quality in parse_media_ranges(accept).items())
    return next((found[2] for found, quality in wanted if found and found[1] == vendor and quality), None)


def choose_offer(accept: str, offers: tuple[str, ...]) -> str | None:
    """Return the offer that is wanted most; forms and streams only for clients that name them."""
    return choose_media_type(accept, offers, (HAL_FORMS, EVENT_STREAM))


def parse_content_type(header: str) -> tuple[str, str]:
    """Return the media type of a body and its charset (utf-8 by default); empty texts if it is too long."""
    if len(header) > LONGEST:
        return "", ""
    name, *parameters = (word.strip().lower() for word in QUOTED.sub(r"\1", header).split(";"))
    charset = next((word[8:] for word in parameters if word.startswith("charset=")), "utf-8")
    return name, charset
