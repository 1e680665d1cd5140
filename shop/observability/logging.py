"""Logs: one JSON object a line for machines, plain text for people at a terminal."""

import json
import logging
import sys
from datetime import UTC, datetime
from logging import LogRecord
from typing import Any

from flask import g, has_request_context

from shop.settings import Settings

# The libraries that may have a warning to give while they serve.
LIBRARIES = ("flask-limiter", "waitress", "opentelemetry")
ENCODER = json.JSONEncoder(default=str)  # not orjson: it refuses text that is not Unicode


def context(record: LogRecord) -> dict[str, Any]:
    """The facts that a line carries: all of a request at its end, and until then which one it is."""
    facts: dict[str, Any] = getattr(record, "request", {})
    if not facts and has_request_context() and "ids" in g:
        return g.ids
    return facts


class JSONLines(logging.Formatter):
    def format(self, record: LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **context(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return ENCODER.encode(line)


class TextLines(logging.Formatter):
    def format(self, record: LogRecord) -> str:
        if request := getattr(record, "request", None):
            return "{method:6} {status} {ms:7.1f} ms  {route}  user={user}  {request_id}".format(**request)
        text = super().format(record).replace("\r", "\\r")
        where = "".join(f"  {name}={value}" for name, value in context(record).items())
        first, *others = text.split("\n")
        return "\n    ".join([first + where, *others])  # what goes on is indented, so nobody can begin a line


def set_up(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JSONLines() if settings.log_format == "json" else TextLines("%(levelname)s %(name)s %(message)s")
    )
    for name in ("shop", *LIBRARIES):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel("WARNING" if name in LIBRARIES else settings.log_level)
