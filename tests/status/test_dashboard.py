"""The queries of the Grafana dashboard, run against a real Prometheus that scrapes the metrics."""

import json
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from offload.status.text.metrics import families, openmetrics
from status.test_metrics import status

pytestmark = pytest.mark.slow  # it starts prometheus

DASHBOARD = json.loads((Path(__file__).parents[2] / "docs/metrics/grafana.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: router
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


class Metrics(BaseHTTPRequestHandler):
    """The router's exporter."""

    def do_GET(self) -> None:
        found = status()
        found["pairs"][0] = found["pairs"][0] | {"mode": "hardware"}  # less than was asked for
        body = openmetrics(families(found)).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", TYPE)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module", name="prometheus")
def _prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Prometheus that has scraped the router more than once."""
    folder, server, port = tmp_path_factory.mktemp("prometheus"), HTTPServer(("127.0.0.1", 0), Metrics), free_port()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (folder / "prometheus.yml").write_text(CONFIG.format(port=server.server_port))
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with subprocess.Popen([*command, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}/api/v1/query"
        deadline = time.monotonic() + 60
        while len(asked(address, "offload_passes_total[1m]")) == 0 and time.monotonic() < deadline:
            time.sleep(0.5)
        time.sleep(3)  # rates need two samples
        yield address
        process.terminate()
    server.shutdown()
    server.server_close()


def asked(address: str, query: str) -> list[Any]:
    """The series that a query finds; none while Prometheus starts."""
    try:
        with urllib.request.urlopen(f"{address}?{urllib.parse.urlencode({'query': query})}") as reply:  # noqa: S310 - http
            answer = json.load(reply)
    except OSError:
        return []
    assert answer["status"] == "success", answer
    found: list[Any] = answer["data"]["result"]
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_dashboard_finds_something(prometheus: str, query: str) -> None:
    assert asked(prometheus, query.replace("$router", ".*"))


def test_the_list_of_routers_is_found(prometheus: str) -> None:
    (variable,) = [each for each in DASHBOARD["templating"]["list"] if each["name"] == "router"]
    assert variable["query"] == "label_values(offload_router_info, instance)"
    assert [each["metric"]["instance"] for each in asked(prometheus, "offload_router_info")]
