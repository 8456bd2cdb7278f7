# SPDX-License-Identifier: MIT
"""Agents under measurement, each switched on as its manual says, before the framework is imported.

What they collect goes nowhere: exporters and transports take it and drop it, so that neither a network nor
a collector is part of the number. Sampling is 100 % unless the name says otherwise: that is what
exact counts take where counting is done by spans. pitviper is not here: `pitviper run` starts the program.
"""
import os


def start_opentelemetry(ratio=None):
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider, sampling
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    class Nowhere(SpanExporter):
        def export(self, spans):
            return SpanExportResult.SUCCESS

    sampler = sampling.ParentBasedTraceIdRatio(ratio) if ratio else None
    provider = TracerProvider(sampler=sampler)
    provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    trace.set_tracer_provider(provider)
    from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor

    SQLite3Instrumentor().instrument()


def opentelemetry_framework(framework):
    if framework == "flask":
        from opentelemetry.instrumentation.flask import FlaskInstrumentor

        FlaskInstrumentor().instrument()
    else:
        from opentelemetry.instrumentation.django import DjangoInstrumentor

        DjangoInstrumentor().instrument()


def start_ddtrace():
    os.environ.update(
        DD_INSTRUMENTATION_TELEMETRY_ENABLED="false",
        DD_REMOTE_CONFIGURATION_ENABLED="false",
        DD_TRACE_STARTUP_LOGS="false",
        DD_TRACE_COMPUTE_STATS="false",
    )
    import ddtrace.auto  # noqa: F401
    from ddtrace.trace import tracer

    writer = tracer._span_aggregator.writer
    for name in ("stop", "flush_queue"):
        if not hasattr(writer, name):
            raise RuntimeError("ddtrace: a writer without %s" % name)
    writer.write = lambda spans=None: None  # where a trace that ended is handed to the transport


def start_sentry(rate):
    import sentry_sdk
    from sentry_sdk.transport import Transport

    class Nowhere(Transport):
        def capture_envelope(self, envelope):
            pass

    sentry_sdk.init(
        dsn="http://key@127.0.0.1:9/1", transport=Nowhere, traces_sample_rate=rate,
        default_integrations=True,
    )


def start(agent, framework):
    """`agent`: none, pitviper, opentelemetry, opentelemetry-1pct, ddtrace, sentry."""
    if agent.startswith("opentelemetry"):
        start_opentelemetry(0.01 if agent.endswith("1pct") else None)
        opentelemetry_framework(framework)
    elif agent == "ddtrace":
        start_ddtrace()
    elif agent == "sentry":
        start_sentry(1.0)
    elif agent not in ("none", "pitviper"):
        raise SystemExit("no agent %s" % agent)
