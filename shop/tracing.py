"""Traces by OpenTelemetry, with the extra `otel`."""
