"""The files of a bundle's ``data/`` folder that follow from its raw records: made by the exporter, made again by the verifier."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gridwitness.evidence import continuity, report
from gridwitness.evidence.chain import DeviceView
from gridwitness.evidence.recompute import Recomputed

FINDING = "data/case/finding.json"
REPORT = "data/case/report.html"
INPUTS = "data/case/analysis/inputs.csv"
PARAMS = "data/case/analysis/params.json"
OUTPUTS = "data/case/analysis/outputs.json"
REGISTER = "data/context/site.yaml"
SOURCES = "data/context/sources.json"
STATIC = ("README.md", "VERIFY.md", "verify.sh")
"""Files of the package that every bundle carries below ``data/``."""

REQUIRED = (FINDING, REPORT, INPUTS, PARAMS, OUTPUTS, REGISTER, *(f"data/{name}" for name in STATIC))


def static_file(name: str) -> bytes:
    """One of STATIC, as this version of the software ships it."""
    return (Path(__file__).parent / "static" / name).read_bytes()


def to_json(doc: Any) -> bytes:
    """JSON for files: UTF-8, one member a line, ending in LF."""
    return (json.dumps(doc, ensure_ascii=False, indent=1) + "\n").encode()


def continuities(devices: Sequence[DeviceView], params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """``data/continuity/<dev>.json`` by path."""
    return {
        f"data/continuity/{view.dev}.json": continuity.document(view, params["from_ms"], params["to_ms"])
        for view in sorted(devices, key=lambda view: view.dev)
    }


def case_document(identifier: str, site: str, finding: Mapping[str, Any]) -> dict[str, Any]:
    """``finding.json``: the element of the output's ``findings``, with the gateway's id of it and the site."""
    return {"id": identifier, "site": site, **finding}


def report_html(
    case: Mapping[str, Any], params: Mapping[str, Any], continuity_docs: Mapping[str, Mapping[str, Any]], result: Recomputed
) -> bytes:
    """``report.html`` from the other files."""
    documents = [continuity_docs[path] for path in sorted(continuity_docs)]
    return report.render(case, params, documents, result.document["cannot_check"]).encode()
