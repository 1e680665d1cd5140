"""Exchanges with the shop that httplint reads, in a process of its own; prints the notes on each one."""

import json
import os
import sys
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

from httplint import HttpRequestLinter, HttpResponseLinter

HOST = urlsplit(sys.argv[1]).netloc
notes = {}


def exchange(name, method, path, body=None, **headers):
    """Send a request, note what httplint finds in it and in the response, and return the response's headers and body."""
    headers = {"Host": HOST, "User-Agent": "httplint", **headers}
    if body is not None:
        body, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    start, connection = time.time(), HTTPConnection(HOST, timeout=30)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    request = HttpRequestLinter(start_time=start)
    request.process_request_topline(method.encode(), f"http://{HOST}{path}".encode(), b"1.1")
    finish(request, headers.items(), body or b"")
    response = HttpResponseLinter(start_time=start, _related=request)
    response.is_head_response = method == "HEAD"
    response.process_response_topline(b"1.1", str(answer.status).encode(), answer.reason.encode())
    finish(response, answer.getheaders(), content)
    found = list(flatten(response.notes))
    notes[name] = {
        "status": answer.status,
        "notes": [(note.level.name, type(note).__name__) for note in found],
    }
    return answer.headers, content


def finish(linter, headers, content):
    linter.process_headers([(name.encode(), value.encode()) for name, value in headers])
    linter.feed_content(content)
    linter.finish_content(True)


def flatten(found):
    for note in found:
        yield note
        yield from flatten(note.subnotes)


password = os.environ["PASSWORD"]
_, token = exchange("token", "POST", "/api/v1/tokens", {"username": "grace", "password": password})
staff = {"Authorization": f"Bearer {json.loads(token)['access_token']}"}
headers, _ = exchange("product", "GET", "/api/v1/products/1")
exchange("not modified", "GET", "/api/v1/products/1", **{"If-None-Match": headers["ETag"]})
exchange("head", "HEAD", "/api/v1/products/1")
exchange("options", "OPTIONS", "/api/v1/products/1")
exchange("page", "GET", "/api/v1/products/1", Accept="text/html")
exchange("compressed", "GET", "/api/v1/products", **{"Accept-Encoding": "gzip"})
exchange("list", "GET", "/api/v1/products")
exchange("staff's list", "GET", "/api/v1/products", **staff)
exchange("user", "GET", "/api/v1/users/1", **staff)
exchange("users", "GET", "/api/v1/users", **staff)
line = {"product_id": 1, "quantity": 1}
headers, _ = exchange("new order", "POST", "/api/v1/orders", {"items": [line]}, **staff)
exchange("order", "GET", urlsplit(headers["Location"]).path, **staff)
exchange("problem", "GET", "/api/v1/products/999")
exchange("login needed", "GET", "/api/v1/orders")
exchange("wrong method", "DELETE", "/api/v1/products", **staff)
exchange("invalid", "POST", "/api/v1/orders", {"items": []}, **staff)
exchange("unacceptable", "GET", "/api/v1/products", Accept="image/png")
exchange("home", "GET", "/api/v1")
exchange("home of v2", "GET", "/api/v2")
exchange("changes", "GET", "/api/v1/changes")
exchange("docs", "GET", "/docs")
exchange("profile", "GET", "/profile")
exchange("openapi", "GET", "/openapi/v1.json")
exchange("catalog", "GET", "/.well-known/api-catalog")
exchange("health", "GET", "/health/ready")
exchange("logout", "DELETE", "/api/v1/tokens/current", **staff)
json.dump(notes, sys.stdout)
