"""Check 26: the finding and everything else that follows from the raw records, computed again and compared."""

from collections.abc import Mapping, Sequence
from typing import Any

from gwire.envelope import sha256_hex

from gridwitness.domain.errors import GridwitnessError
from gridwitness.evidence import contents, recompute, seal
from gridwitness.evidence.bag import Bag
from gridwitness.evidence.chain import DeviceView
from gridwitness.evidence.checks import SKIPPED, WARNING, Check, Report
from gridwitness.evidence.record import parse_json

Files = Mapping[str, bytes]


def check(bag: Bag, params: Mapping[str, Any], views: Sequence[DeviceView], report: Report) -> None:
    """Run the analysis again on the raw records, and compare inputs, outputs, finding, report and continuity."""
    files = {path: bag.read(path) for path in contents.REQUIRED if path in bag.sizes}
    if len(files) < len(contents.REQUIRED):
        report.checks.append(Check("finding", SKIPPED, ("a file that it needs is missing",)))
        return
    try:
        result = recompute.run(files[contents.REGISTER].decode(), {view.dev: view.chain for view in views}, params)
        outputs, case = parse_json(files[contents.OUTPUTS]), parse_json(files[contents.FINDING])
    except (GridwitnessError, ValueError, KeyError, TypeError, RecursionError) as error:
        report.add("finding", [f"the analysis cannot be run again: {error}"])
        return
    report.add("inputs", _input_differences(files, params, views, result), good="they follow from them")
    software = params.get("software")
    other = "" if software == recompute.SOFTWARE else f"made with {software!r}, this is {recompute.SOFTWARE!r}"
    problems = recompute.differences(result.document | {"software": software}, outputs, "outputs.json")
    problems += _finding_differences(result, case)
    report.add("finding", problems + ([other] if problems and other else []), good="the same, to 1e-9 in every number")
    if problems:
        report.checks.append(Check("derived", SKIPPED, ("the finding itself differs",)))
        return
    continuities = contents.continuities(views, params)
    derived = _continuity_differences(bag, continuities) + _claim_differences(bag, views)
    if other:  # another version may word things differently
        report.add("derived", [f"{other}: the wording of report and guides was not compared"], outcome=WARNING)
    else:
        derived += _wording_differences(files, contents.report_html(case, params, continuities, result))
    report.add("derived", derived, good="as computed again")


def _input_differences(files: Files, params: Mapping[str, Any], views: Sequence[DeviceView], result: recompute.Recomputed) -> list[str]:
    devices, register = [view.dev for view in views], files[contents.REGISTER].decode()
    wanted = recompute.parameters(params["case"], devices, params["from_ms"], params["to_ms"], register, params["excluded"])
    wanted |= {"software": params.get("software"), "inputs_sha256": sha256_hex(result.inputs.encode())}
    problems = recompute.differences(wanted, dict(params), "params.json")
    if files[contents.INPUTS] != result.inputs.encode():
        problems.append("inputs.csv is not what the raw records give")
    return problems


def _finding_differences(result: recompute.Recomputed, case: Any) -> list[str]:
    if not isinstance(case, dict) or not isinstance(case.get("id"), str):
        return ["finding.json is no finding"]
    stated = {key: value for key, value in case.items() if key not in ("id", "site")}
    try:
        computed = recompute.same_finding(result.document["findings"], stated)
    except KeyError as error:
        return [f"finding.json has no member {error}"]
    if computed is None:
        return [f"the raw records do not give {stated.get('kind')} on {stated.get('subject')}"]
    problems = recompute.differences(computed, stated, "finding.json")
    return problems + recompute.differences(result.document["site"], case.get("site"), "finding.json/site")


def _continuity_differences(bag: Bag, continuities: Mapping[str, Mapping[str, Any]]) -> list[str]:
    problems = []
    for path, doc in continuities.items():
        problems += recompute.differences(doc, _json(bag, path), path)
    return problems


def _claim_differences(bag: Bag, views: Sequence[DeviceView]) -> list[str]:
    problems = []
    for view in views:
        path = f"data/keys/{view.dev}.json"
        claim = _json(bag, path)
        _, fingerprint = seal.load_pem(bag.read(f"data/keys/{view.dev}.pem"))
        if not isinstance(claim, dict) or claim.get("dev") != view.dev or claim.get("spki_sha256") != fingerprint:
            problems.append(f"{path} is not the claim record of the key beside it")
    return problems


def _wording_differences(files: Files, page: bytes) -> list[str]:
    problems = [] if files[contents.REPORT] == page else [f"{contents.REPORT} is not the report of this finding"]
    for name in contents.STATIC:
        if files[f"data/{name}"] != contents.static_file(name):
            problems.append(f"data/{name} is not the file that this version ships")
    return problems


def _json(bag: Bag, path: str) -> Any:
    """A JSON file of the bundle; None when it is missing or unreadable."""
    try:
        return parse_json(bag.read(path)) if path in bag.sizes else None
    except (ValueError, RecursionError):
        return None
