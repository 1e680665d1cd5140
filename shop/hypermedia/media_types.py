"""The media types of the API: which version a client names, and HAL for all others."""

import re

from shop.hypermedia.negotiation import choose_media_type, parse_media_ranges, remember_short

HAL, PROBLEM = "application/hal+json", "application/problem+json"
FORM, MERGE, HAL_FORMS = (
    "application/x-www-form-urlencoded",
    "application/merge-patch+json",
    "application/prs.hal-forms+json",
)
VENDOR = re.compile(r"application/vnd\.([a-z0-9-]{1,100})\.(v\d{1,4})\+json")


@remember_short
def parse_version(accept: str, vendor: str) -> str | None:
    """Return the version of this vendor that an Accept header asks for by name."""
    wanted = ((VENDOR.fullmatch(name), quality) for name, quality in parse_media_ranges(accept).items())
    return next((found[2] for found, quality in wanted if found and found[1] == vendor and quality), None)


def choose_offer(accept: str, offers: tuple[str, ...]) -> str | None:
    """Return the offer that is wanted most; forms only for clients that name them."""
    return choose_media_type(accept, offers, (HAL_FORMS,))
