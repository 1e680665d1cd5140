"""Log formats: one JSON object per line for machines, text for people at a terminal."""

import json
import logging
import sys
from datetime import UTC, datetime
from logging import LogRecord
from typing import Any

from flask import has_request_context

from shop.hypermedia.request import request_state
from shop.settings import Settings

# Libraries whose warnings are logged.
LIBRARY_LOGGERS = ("flask-limiter", "waitress", "opentelemetry")
JSON_ENCODER = json.JSONEncoder(default=str)  # not orjson, which rejects text that is not valid Unicode


def get_log_fields(record: LogRecord) -> dict[str, Any]:
    """Return the fields of a request: all of them at its end, only its ids before that."""
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
        return "\n    ".join([first + suffix, *others])  # indented, so that input cannot forge a log line


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
