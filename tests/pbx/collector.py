"""An OpenTelemetry collector, `python collector.py FOLDER`: takes OTLP over HTTP, and keeps it.

The file `port` there says where it listens. With a file named `slow` in the folder it answers nobody,
until that is gone.
"""

from __future__ import annotations

import gzip
import itertools
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


def serve(folder: Path) -> None:
    numbers = itertools.count()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            while (folder / "slow").exists():
                time.sleep(0.05)
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            ExportTraceServiceRequest.FromString(body)  # raises where it is none
            number = next(numbers)
            headers = str(self.headers).encode()
            (folder / f"{number}.headers").write_bytes(self.requestline.encode() + b"\n" + headers)
            # Under its own name only once it is whole: somebody looks for them meanwhile.
            (folder / f"{number}.part").write_bytes(body)
            (folder / f"{number}.part").rename(folder / f"{number}.traces")
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    (folder / "port").write_text(str(server.server_address[1]))
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
