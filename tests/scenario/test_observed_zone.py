"""A whole zone observed: one bank query is one trace from the gateway to the leaf, and nothing seeded is in any span, metric or log line."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import httpx
import pytest

from nodes.packs import shipped_pack
from nodes.runtime.tracing.spans import ATTRIBUTES
from scoring.indicators.model import load_pack
from tests.support.live_zone import LiveZone
from tests.support.needles import found_in, raw_values, unfolded
from tests.support.otlp import Receiver
from tests.support.shared_zone import GROUP, TRACED

pytestmark = [pytest.mark.xdist_group(GROUP), pytest.mark.timeout(400)]
PRODUCT = next(iter(load_pack(shipped_pack("firm-panel")).products))
SPEC = (Path(__file__).parents[2] / "docs" / "specs" / "observing.md").read_text(encoding="utf-8")
TABLE = set(re.findall(r"^\| `(xinqiao_\w+)` \|(?!.*\| peer zone's node \|)", SPEC, re.MULTILINE))  # the zone has no peer
SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? \S+$", re.MULTILINE)
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
QUERY = ("POST /v1/scores", "/xinqiao.v1.Exchange/Release", "/xinqiao.v1.Log/Append")
STRANGER = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(scope="module")
def zone(common_zone: LiveZone) -> LiveZone:
    """The common zone with an epoch released, and one enterprise's consent to bank-a used."""
    common_zone.evaluated()
    subject = common_zone.authority.totals("e1995")[-4]["subject"]
    common_zone.grant(subject, "bank-a", PRODUCT)
    assert common_zone.banks["bank-a"].query(subject, PRODUCT)["total"]
    return common_zone


@pytest.fixture(scope="module")
def traces(zone: LiveZone) -> Receiver:
    assert zone.traces is not None
    return zone.traces


@pytest.fixture(scope="module")
def metrics(zone: LiveZone) -> dict[str, str]:
    """The exposition of every process, by its name."""
    ports = {name: zone.processes.ready(name)["observe_port"] for name in zone.processes.names()}
    return {name: httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text for name, port in ports.items()}


def needles(zone: LiveZone) -> set[bytes]:
    """Names, codes and subject ids: nothing of which may be told anywhere."""
    firms = zone.population.firms
    return {firm.company.encode() for firm in firms} | {firm.uscc.encode() for firm in firms} | {subject.encode() for subject in zone.subjects}


def test_one_query_is_one_trace_from_the_gateway_to_the_leaf(zone: LiveZone, traces: Receiver) -> None:
    found = traces.wait_for(*QUERY)
    gateway = next(span for span in found if span.name == QUERY[0])
    release = next(span for span in found if span.name == QUERY[1])
    appends = [span for span in found if span.name == QUERY[2] and span.parent == release.span]
    assert (gateway.service, release.service) == ("authority", "coordinator")
    assert {span.service for span in appends} == {"log"}
    assert (gateway.parent, release.parent) == ("", gateway.span)
    assert (gateway.attributes["xinqiao.status"], release.attributes["xinqiao.caller"]) == (200, "authority")
    ticket = release.attributes["xinqiao.leaf_index"]
    assert ticket in {span.attributes["xinqiao.leaf_index"] for span in appends}, "the ticket's leaf is named where it was logged"


def test_a_strangers_trace_is_linked_to_and_not_continued(zone: LiveZone, traces: Receiver) -> None:
    header = {"traceparent": f"00-{STRANGER}-00f067aa0ba902b7-01", "tracestate": "evil=1", "baggage": "who=me"}
    with httpx.Client(
        base_url=zone.gateway.base, verify=ssl.create_default_context(cafile=str(zone.out / "public" / "ca.pem")), headers=header
    ) as client:
        assert client.get("/v1/catalog").status_code == 200
    span = next(span for span in traces.wait_for("GET /v1/catalog") if span.name == "GET /v1/catalog")
    assert (span.trace == STRANGER, span.links) == (False, (STRANGER,))
    assert not any(b"evil" in body or b"who" in body for body in traces.bodies)


def test_no_span_tells_a_name_a_code_a_subject_or_a_value(zone: LiveZone, traces: Receiver) -> None:
    traces.wait_for(*QUERY)
    everything = unfolded(b"\x00".join(traces.bodies))
    assert QUERY[1].encode() in everything
    assert not found_in(everything, needles(zone) | set(raw_values(zone.population.firms)))
    assert {span.service for span in traces.spans()} == {"authority", *TRACED} - {"gateway"}
    assert {key for span in traces.spans() for key in span.attributes} <= {f"xinqiao.{name}" for name in ATTRIBUTES}


def test_no_metric_tells_a_name_a_code_a_subject_or_a_value(zone: LiveZone, metrics: dict[str, str]) -> None:
    for name, text in metrics.items():
        assert "xinqiao_ready 1.0" in text, name
        assert not found_in(text.encode(), needles(zone)), name
        names_and_labels = "\n".join(f"{family} {labels}" for family, labels in SAMPLE.findall(text))
        assert not found_in(names_and_labels.encode(), set(raw_values(zone.population.firms))), name


def test_every_metric_of_every_process_is_in_the_table_and_none_is_missing(metrics: dict[str, str]) -> None:
    found = {family for text in metrics.values() for family in re.findall(r"^# TYPE (xinqiao_\w+) (?:counter|gauge|histogram)$", text, re.M)}
    assert {name for name in found if not name.endswith("_created")} == TABLE


def test_labels_are_of_closed_sets(zone: LiveZone, metrics: dict[str, str]) -> None:
    members = {path.name for path in (zone.out / "members").iterdir()}
    shapes = {
        "member": "|".join(map(re.escape, members)), "copy": "|".join(map(re.escape, members | {"custodian", "department", "gateway"})),
        "event": r"[a-z_]+\.[a-z_]+", "level": "debug|info|warning|error", "reason": r"[A-Z][A-Z0-9_]+", "status": r"[A-Z_]+|[0-9]{3}",
        "method": r"/xinqiao\.v1\.[A-Za-z]+/[A-Za-z]+|/grpc\.health\.v1\.Health/(Check|Watch)|[A-Z]+|other", "kind": "[a-z-]+", "database": "[a-z]+",
        "route": r"/[^?]*|unknown", "statement": "[A-Z]+|other", "connector": "[a-z0-9-]+", "le": r"[0-9.e+-]+|\+Inf",
    }  # fmt: skip
    for name, text in metrics.items():
        for family, labels in SAMPLE.findall(text):
            for label, value in LABEL.findall(labels) if family.startswith("xinqiao_") else []:
                assert re.fullmatch(shapes[label], value), (name, family, label, value)
        assert text.count("\n") < 4000, f"{name} has too many series"


def test_no_log_line_of_an_observed_run_tells_them_either(zone: LiveZone) -> None:
    seeded = needles(zone) - {subject.encode() for subject in zone.subjects} | set(raw_values(zone.population.firms))
    for name in zone.processes.names():
        lines = [line for line in zone.processes.log_file(name).read_bytes().split(b"\n") if line.startswith(b"{")]
        assert any(b"process.ready" in line for line in lines), name
        assert not found_in(b"\n".join(lines), seeded), name
