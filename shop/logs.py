"""Logs: one JSON object a line for machines, plain text for people at a terminal."""

import logging
import sys
from datetime import UTC, datetime
from logging import LogRecord

import orjson

from shop.settings import Settings


class JSONLines(logging.Formatter):
    def format(self, record: LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "request", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class TextLines(logging.Formatter):
    def format(self, record: LogRecord) -> str:
        if request := getattr(record, "request", None):
            return "{method:6} {status} {ms:7.1f} ms  {route}  user={user}  {request_id}".format(**request)
        return super().format(record)


def set_up(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JSONLines() if settings.log_format == "json" else TextLines("%(levelname)s %(name)s %(message)s")
    )
    shop = logging.getLogger("shop")
    shop.handlers, shop.propagate = [handler], False
    shop.setLevel(settings.log_level)
