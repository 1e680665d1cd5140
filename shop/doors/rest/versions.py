"""The versions of the shop's API: v1 writes money as a number, v2 as an object with its currency."""

from datetime import date

from shop.hypermedia.versions import Version, build_labelled_version

V1 = Version("v1", date(2026, 11, 20))
V2 = build_labelled_version("v2", date(2026, 11, 20))
VERSIONS = (V1, V2)
