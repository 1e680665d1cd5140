"""The media types of the front door: which version a client names, and HAL for all who do not care."""

import re

from shop.hypermedia.negotiation import choose_media_type, parse_media_ranges, remember_short

HAL, PROBLEM = "application/hal+json", "application/problem+json"
FORM, MERGE, HAL_FORMS = (
    "application/x-www-form-urlencoded",
    "application/merge-patch+json",
    "application/prs.hal-forms+json",
)
VENDOR = re.compile(r"application/vnd\.shop\.(v\d{1,4})\+json")


@remember_short
def parse_version(accept: str) -> str | None:
    """The version that an Accept header asks for by name."""
    wanted = ((VENDOR.fullmatch(name), quality) for name, quality in parse_media_ranges(accept).items())
    return next((found[1] for found, quality in wanted if found and quality), None)


def choose_offer(accept: str, offers: tuple[str, ...]) -> str | None:
    """The offer that is wanted most. Forms are only for those who name them: others may not know them."""
    return choose_media_type(accept, offers, (HAL_FORMS,))
