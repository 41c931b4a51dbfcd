"""Traces of calls to an OpenTelemetry collector, by OTLP over HTTP, from a thread of its own.

What calls hand over waits in a queue of bounded length. A collector that is slow or away costs spans, which
are counted, and nothing else. Imported only where it is switched on: it needs packages that are optional.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Sequence
from typing import Final

import requests
import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, set_span_in_context

from bridge.switchboard import metrics
from bridge.switchboard.traces import Trace

log = structlog.get_logger()

_MOST_WAITING: Final = 1000
_MOST_AT_ONCE: Final = 50
_SECONDS_TO_EXPORT: Final = 5
_SERVICE: Final = {"service.name": "call-bridge"}


class _Collected(SpanProcessor):
    """Keeps what has ended until it is taken."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)

    def take(self) -> Sequence[ReadableSpan]:
        taken, self.spans = self.spans, []
        return taken


class TraceExport:
    """`offer` is called by calls; all else happens in the thread."""

    def __init__(self, endpoint: str, *, most_waiting: int = _MOST_WAITING) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # we tell once, and count
        self._waiting: queue.Queue[Trace | None] = queue.Queue(most_waiting)
        session = requests.Session()
        session.trust_env = False  # no proxy, and no password out of a .netrc
        self._exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_SECONDS_TO_EXPORT, session=session)
        self._collected = _Collected()
        # The resource says what is sent of this machine: with the default one that is its name and more.
        provider = TracerProvider(resource=Resource(_SERVICE), sampler=ALWAYS_ON, shutdown_on_exit=False)
        provider.add_span_processor(self._collected)
        self._tracer = provider.get_tracer("call-bridge")
        self._well = True
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def offer(self, trace: Trace) -> None:
        """Hand the trace of a call over that has ended. Returns at once."""
        try:
            self._waiting.put_nowait(trace)
        except queue.Full:
            metrics.spans_dropped.inc(1 + len(trace.steps))

    def close(self, seconds: float) -> None:
        """Send what waits, for so long at most."""
        try:
            self._waiting.put(None, timeout=seconds)
        except queue.Full:
            return
        self._thread.join(seconds)

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            traces = [self._waiting.get()]
            while len(traces) < _MOST_AT_ONCE and not self._waiting.empty():
                traces.append(self._waiting.get())
            goes_on = None not in traces
            for trace in traces:
                if trace is not None:
                    self._make_spans(trace)
            self._export(self._collected.take())

    def _make_spans(self, trace: Trace) -> None:
        known = {
            "callbridge.call": trace.call,
            "callbridge.kind": trace.kind,
            "callbridge.result": trace.result,
            "callbridge.reason": trace.reason,
        }
        attributes = {name: value for name, value in known.items() if value is not None}
        whole = self._tracer.start_span(
            trace.whole.name, kind=SpanKind.SERVER, attributes=attributes, start_time=trace.whole.began_ns
        )
        within = set_span_in_context(whole)
        for step in trace.steps:
            self._tracer.start_span(step.name, within, start_time=step.began_ns).end(step.ended_ns)
        whole.end(trace.whole.ended_ns)

    def _export(self, spans: Sequence[ReadableSpan]) -> None:
        if not spans:
            return
        try:
            well = self._exporter.export(spans) is SpanExportResult.SUCCESS
        except Exception as error:
            log.warning("a trace could not be sent", error=type(error).__name__)
            well = False
        if not well:
            metrics.spans_dropped.inc(len(spans))
        if well is not self._well:
            log.warning("the collector takes traces again" if well else "the collector takes no traces")
        self._well = well
