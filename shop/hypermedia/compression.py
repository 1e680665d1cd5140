"""Compression of answers: gzip, or Brotli with the extra `brotli`.

Each coding of an answer has its own entity tag, which ends with the name of the coding.
"""

import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from flask import Response, request

from shop.hypermedia.negotiation import parse_media_ranges
from shop.hypermedia.runtime import get_runtime

MIN_BYTES = 500  # smaller answers fit into one packet anyway
MAX_FILES = 64  # compressed files that are kept; the pages of a service have fewer
GZIP_WINDOW = 31  # asks zlib for the gzip format
COMPRESSIBLE = ("text/", "application/json", "application/javascript", "image/svg+xml")

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": partial(zlib.compress, level=6, wbits=GZIP_WINDOW),
}
with suppress(ImportError):
    import brotli

    ENCODERS = {"br": partial(brotli.compress, quality=5), **ENCODERS}


def choose_encoding(accept_encoding: str) -> str:
    """Return the first of our codings that the client names, or an empty text."""
    wanted = parse_media_ranges(accept_encoding)
    return next((name for name in ENCODERS if wanted.get(name)), "")


def strip_encoding(tag: str) -> str:
    """Return the entity tag without the name of a coding."""
    for name in ENCODERS:
        tag = tag.removesuffix(f"-{name}")
    return tag


def is_compressible(response: Response) -> bool:
    if response.status_code not in (200, 201) or (response.content_length or 0) < MIN_BYTES:
        return False
    return response.mimetype.startswith(COMPRESSIBLE) or response.mimetype.endswith("+json")


def compress_body(response: Response) -> Response:
    """Compress the body if the client accepts a coding that we have."""
    encoding = choose_encoding(request.headers.get("Accept-Encoding", ""))
    if not encoding or not is_compressible(response):
        return response
    tag, _ = response.get_etag()
    if tag:
        response.set_etag(f"{tag}-{encoding}")
    if response.direct_passthrough:
        response.set_data(compress_file(response, encoding))
    else:
        response.set_data(ENCODERS[encoding](response.get_data()))
    response.headers["Content-Encoding"] = encoding
    return response


def compress_file(response: Response, encoding: str) -> bytes:
    """Return a compressed file; its entity tag changes with its content, so it is compressed once."""
    response.direct_passthrough = False
    response.headers.pop("Accept-Ranges", None)  # ranges are those of the file as it is
    tag, _ = response.get_etag()
    files = get_runtime().compressed_files
    if not (body := files.get(tag)):
        body = ENCODERS[encoding](response.get_data())
        if len(files) >= MAX_FILES:
            files.clear()
        files[tag] = body
    return body
