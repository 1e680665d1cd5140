"""Which media type an answer has: what the client names, and HAL for all who do not care."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

HAL, JSON, PROBLEM = "application/hal+json", "application/json", "application/problem+json"
FORM, MERGE, HAL_FORMS = (
    "application/x-www-form-urlencoded",
    "application/merge-patch+json",
    "application/prs.hal-forms+json",
)
HTML = "text/html"
BRIEF = 300  # characters
VENDOR = re.compile(r"application/vnd\.shop\.(v\d{1,4})\+json")


def brief(function: Callable[..., Any]) -> Callable[..., Any]:
    """Remember what comes of short headers, which most are; long ones would fill the memory."""
    quick = lru_cache(1024)(function)
    return lambda accept, *more: (quick if len(accept) < BRIEF else function)(accept, *more)


@brief
def ranges(accept: str) -> dict[str, float]:
    """The media ranges of an Accept header and how much each is wanted, parameters put aside."""
    wanted = {}
    for part in accept.split(",")[:50]:
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        quality = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        if name:
            wanted[name] = float(quality) if re.fullmatch(r"[01](\.\d{0,3})?", quality, re.ASCII) else 0.0
    return wanted or {"*/*": 1.0}


@brief
def named_version(accept: str) -> str | None:
    """The version that an Accept header asks for by name."""
    wanted = ((VENDOR.fullmatch(name), quality) for name, quality in ranges(accept).items())
    return next((found[1] for found, quality in wanted if found and quality), None)


@brief
def negotiate(accept: str, offers: tuple[str, ...]) -> str | None:
    """The offer wanted most; of equals one that is named, and then the first; None where none is wanted.

    Forms are only for those who name them: a client that takes anything may not know them.
    """
    wanted = ranges(accept)

    def quality(offer: str) -> float:
        names = (offer,) if offer == HAL_FORMS else (offer, "application/*", "*/*")
        return next((wanted[name] for name in names if name in wanted), 0.0)

    best = max(offers, key=lambda offer: (quality(offer), offer in wanted, -offers.index(offer)))
    return best if quality(best) else None
