"""Logs: one JSON object a line for machines, plain text for people at a terminal."""

import json
import logging
import sys
from datetime import UTC, datetime
from logging import LogRecord
from typing import Any

from flask import has_request_context

from shop.hypermedia.request import request_state
from shop.settings import Settings

# The libraries that may have a warning to give while they serve.
LIBRARY_LOGGERS = ("flask-limiter", "waitress", "opentelemetry")
JSON_ENCODER = json.JSONEncoder(default=str)  # not orjson: it refuses text that is not Unicode


def get_log_fields(record: LogRecord) -> dict[str, Any]:
    """The facts that a line carries: all of a request at its end, and until then which one it is."""
    fields: dict[str, Any] = getattr(record, "request", {})
    if not fields and has_request_context():
        return request_state().ids
    return fields


class JSONFormatter(logging.Formatter):
    def format(self, record: LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **get_log_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return JSON_ENCODER.encode(line)


class TextFormatter(logging.Formatter):
    def format(self, record: LogRecord) -> str:
        if request := getattr(record, "request", None):
            return "{method:6} {status} {ms:7.1f} ms  {route}  user={user}  {request_id}".format(**request)
        text = super().format(record).replace("\r", "\\r")
        suffix = "".join(f"  {name}={value}" for name, value in get_log_fields(record).items())
        first, *others = text.split("\n")
        return "\n    ".join(
            [first + suffix, *others]
        )  # what goes on is indented, so nobody can begin a line


def configure_logging(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JSONFormatter()
        if settings.log_format == "json"
        else TextFormatter("%(levelname)s %(name)s %(message)s")
    )
    for name in ("shop", *LIBRARY_LOGGERS):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel("WARNING" if name in LIBRARY_LOGGERS else settings.log_level)
