"""The steps before and after a view, in the order in which they run."""

from flask import Flask

from shop.hypermedia.access_log import finish_response, start_request
from shop.hypermedia.callers import close_reads
from shop.hypermedia.compression import compress_body
from shop.hypermedia.cors import allow_origin
from shop.hypermedia.etags import check_preconditions, set_cache_headers
from shop.hypermedia.explorer import show_page
from shop.hypermedia.rate_limit_hooks import announce_limits, count_request
from shop.hypermedia.response_cache import raise_outage
from shop.hypermedia.url_scope import (
    check_host,
    negotiate_media_type,
    refuse_long_headers,
    resolve_url_scope,
)
from shop.hypermedia.versions import announce_sunset

BEFORE = (
    start_request,  # first, so that every refusal has a request id and a line in the log
    resolve_url_scope,  # the version, root and prefix that links stay inside, in refusals too
    count_request,  # before anything that costs more than counting
    refuse_long_headers,  # before any other header is parsed; after counting, so that refusals are counted
    check_host,  # before a link is built with it
    show_page,  # a browser gets the explorer, whatever it asked for
    raise_outage,  # of a database that did not answer the response cache: asking again takes too long
    negotiate_media_type,  # before anything is changed
)
AFTER = (
    announce_sunset,  # before the entity tag, which covers the body alone
    set_cache_headers,  # with the entity tag of the finished body
    compress_body,  # after the tag, which gets the name of the coding
    check_preconditions,  # 304 and 412, by the final tag
    announce_limits,  # what is left of the limits that the request was counted against
    allow_origin,  # for 304 and refusals as well
    finish_response,  # last, so that the log has the status and size that are sent
)


def register_steps(app: Flask) -> None:
    for step in BEFORE:
        app.before_request(step)
    for step in reversed(AFTER):  # Flask runs the last one first
        app.after_request(step)
    app.teardown_request(close_reads)
