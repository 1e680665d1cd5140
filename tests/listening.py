"""A client of streams of events, for tests of running servers."""

import json
from threading import Thread

import requests


class Listener:
    """A client that collects the events of a stream."""

    def __init__(self, url: str, **headers: str) -> None:
        self.answer = requests.get(
            url, headers={"Accept": "text/event-stream", **headers}, stream=True, timeout=40
        )
        self.events: list[dict] = []
        self.has_ended = False
        self.thread = Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self) -> None:
        try:
            for line in self.answer.iter_lines(1):
                if line.startswith(b"data: "):
                    self.events.append(json.loads(line[6:]))
        except (requests.RequestException, AttributeError):
            pass
        self.has_ended = True

    def list_cursors(self) -> list[int]:
        return [event["seq"] for event in self.events]
