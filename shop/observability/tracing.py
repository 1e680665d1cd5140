"""OpenTelemetry traces (the extra `otel`): a span for each request, statement and Redis call.

Tracing is off unless an OTEL_EXPORTER_OTLP variable names an endpoint; the SDK reads the other OTEL variables
(sampler, headers, service name). Spans contain routes and the text of statements, but never values.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPMethod
from types import SimpleNamespace
from typing import Any

from flask import Flask, Response, request
from sqlalchemy import Engine, event

from shop.hypermedia.request import request_state
from shop.runtime import get_runtime
from shop.settings import SettingsError, require_extra

ENDPOINT_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
TIMEOUT_VARIABLE = "OTEL_EXPORTER_OTLP_TIMEOUT"
EXPORT_TIMEOUT = 1.0  # seconds to wait for the collector; shutdown waits that long too


def install_tracing(app: Flask, engine: Engine) -> bool:
    """Install the hooks if an endpoint is set; call it before the doors are opened."""
    variables = [name for name in ENDPOINT_VARIABLES if os.environ.get(name)]
    if not variables:
        return False
    try:
        require_extra("opentelemetry", "otel")
    except SettingsError as error:
        raise SettingsError(f"{variables[0]}: {error}") from None
    get_runtime(app).trace_call = lambda path: trace_call(get_tracer(app), path)
    app.before_request(lambda: start_request_span(get_tracer(app)))
    app.after_request(describe_response)
    app.teardown_request(end_request_span)
    event.listen(
        engine, "before_cursor_execute", lambda *arguments: start_statement_span(get_tracer(app), *arguments)
    )
    event.listen(engine, "after_cursor_execute", lambda *arguments: end_statement_span(arguments[4]))
    event.listen(
        engine, "handle_error", lambda error: end_statement_span(error.execution_context, failed=True)
    )
    return True


@cache
def get_tracer(app: Flask) -> SimpleNamespace:
    """Return the tracer; it is created at the first request, after the fork, because it starts a thread."""
    from opentelemetry import context, trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    os.environ.setdefault("OTEL_SERVICE_NAME", "shop")
    provider = TracerProvider(resource=Resource.create())
    exporter = OTLPSpanExporter(timeout=None if TIMEOUT_VARIABLE in os.environ else EXPORT_TIMEOUT)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace_redis(app, provider)
    get_runtime(app).flush_spans = lambda: provider.force_flush(int(EXPORT_TIMEOUT * 1000))
    return SimpleNamespace(
        context=context,
        trace=trace,
        tracer=provider.get_tracer("shop"),
        propagator=TraceContextTextMapPropagator(),
    )


def trace_redis(app: Flask, provider: Any) -> None:
    if not get_runtime(app).settings.redis_url:
        return
    from opentelemetry.instrumentation.redis import RedisInstrumentor

    for limiter in app.extensions["limiter"]:
        RedisInstrumentor.instrument_client(limiter.storage.storage, tracer_provider=provider)


def start_request_span(otel: SimpleNamespace) -> None:
    if request.path.startswith("/health/"):
        return  # health checks are too frequent to trace
    parent = otel.propagator.extract(request.headers)
    span = otel.tracer.start_span("request", parent, kind=otel.trace.SpanKind.SERVER)
    request_state().span, request_state().trace_id = span, f"{span.get_span_context().trace_id:032x}"
    token = otel.context.attach(otel.trace.set_span_in_context(span))
    request_state().end_span = lambda: (span.end(), otel.context.detach(token))


def describe_response(response: Response) -> Response:
    if request_state().span is None:
        return response
    route, status = request.url_rule.rule if request.url_rule else "unmatched", response.status_code
    method = request.method if request.method in HTTPMethod.__members__ else "_OTHER"
    request_state().span.update_name(f"{method} {route}")
    request_state().span.set_attributes(
        {"http.request.method": method, "http.route": route, "http.response.status_code": status}
    )
    if status >= 500:
        mark_span_failed(request_state().span)
    span_context = request_state().span.get_span_context()
    response.headers["traceresponse"] = (
        f"00-{span_context.trace_id:032x}-{span_context.span_id:016x}-{span_context.trace_flags:02x}"
    )
    return response


@contextmanager
def trace_call(otel: SimpleNamespace, path: str) -> Iterator[Callable[[], None]]:
    """Trace a gRPC call, which runs no Flask hooks; yields a function that marks the call as failed."""
    start_request_span(otel)
    service, _, method = path[1:].partition("/")
    request_state().span.update_name(path[1:])
    request_state().span.set_attributes({"rpc.system": "grpc", "rpc.service": service, "rpc.method": method})
    yield lambda: mark_span_failed(request_state().span)


def end_request_span(_: BaseException | None) -> None:
    if finish := request_state().end_span:
        request_state().span = request_state().end_span = None
        finish()


def start_statement_span(
    otel: SimpleNamespace,
    connection: Any,
    _cursor: Any,
    statement: str,
    _values: Any,
    context: Any,
    _many: bool,
) -> None:
    """Start a span for a statement inside a traced request; other statements are not traced."""
    if otel.trace.get_current_span().is_recording():
        operation = statement.split(None, 1)[0].upper()
        query_attributes = {"db.operation.name": operation, "db.query.text": statement[:2000]}
        system_attributes = {"db.system.name": connection.dialect.name}
        context.span = otel.tracer.start_span(
            operation, kind=otel.trace.SpanKind.CLIENT, attributes={**system_attributes, **query_attributes}
        )


def end_statement_span(context: Any, *, failed: bool = False) -> None:
    if span := vars(context or SimpleNamespace()).pop("span", None):
        if failed:
            mark_span_failed(span)
        span.end()


def mark_span_failed(span: Any) -> None:
    """Set the error status without the error message, which may contain values."""
    from opentelemetry.trace import StatusCode

    span.set_status(StatusCode.ERROR)
