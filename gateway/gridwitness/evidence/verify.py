"""The verifier: every check of a bundle, offline, running nothing that is in it.

All checks run as far as what they need is readable, and all are listed; the report's exit code is the contract of
``gridwitness evidence verify``.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gridwitness.domain.errors import GridwitnessError
from gridwitness.evidence import bag as bags
from gridwitness.evidence import cms, contents, devices, recompute, results
from gridwitness.evidence.bag import Bag, Manifest
from gridwitness.evidence.checks import FAILED, SKIPPED, UNDECIDED, WARNING, Check, Report
from gridwitness.evidence.record import parse_json
from gridwitness.evidence.trust import Trust

_EMPTY_TRUST = Trust()
_TIMES_LIMIT = 1 << 52
_RAW = re.compile(r"data/raw/[a-z0-9-]{3,32}/[0-9A-Za-z.-]+\.jsonl")


def verify(path: Path, trust: Trust = _EMPTY_TRUST) -> Report:
    """Check the bundle at ``path`` (folder or zip) against the regulator's anchors; raises GridwitnessError if there is none."""
    bag = bags.open_bag(path)
    try:
        return _verify(bag, trust)
    except OSError as error:
        raise GridwitnessError("bundle_unreadable", f"{path} cannot be read: {error}", "copy the bundle again") from None


def _verify(bag: Bag, trust: Trust) -> Report:
    report = Report(bag.name)
    if bag.excessive:
        report.add("structure", bag.problems)
        return report
    manifest, tags = _structure(bag, report)
    _digests(bag, {**manifest.digests, **tags.digests}, report)
    _signature(bag, trust, report)
    _time_stamp(bag, trust, report)
    params = _params(bag, report)
    if params is not None:
        views = devices.check(bag, params, trust, report)
        results.check(bag, params, views, report)
    _log(bag, trust, report)
    report.add(
        "grade", ["no equipment review is in the bundle: every hour is a lead (线索), not evidence in the legal sense"], outcome=WARNING
    )
    return report


def _structure(bag: Bag, report: Report) -> tuple[Manifest, Manifest]:
    problems = list(bag.problems)
    there = bag.sizes.keys() | bag.damaged
    problems += [f"{path} is missing" for path in (*bags.REQUIRED, *contents.REQUIRED) if path not in there]
    problems += [f"{path} is no raw segment data/raw/<device>/<hour>.jsonl" for path in bag.under("data/raw") if not _RAW.fullmatch(path)]
    manifest, tags = (
        bags.parse_manifest(name, bag.read(name)) if name in bag.sizes else Manifest() for name in (bags.MANIFEST, bags.TAG_MANIFEST)
    )
    problems += manifest.problems + tags.problems
    for path in sorted(bag.sizes):
        if path.startswith("data/"):
            if path not in manifest.digests:
                problems.append(f"{path} is there, but not in the manifest")
        elif path not in tags.digests and path not in (bags.TAG_MANIFEST, *bags.SIGNATURE_FILES):
            problems.append(f"{path} is there, but not in the tag manifest")
    for listed, payload in ((manifest, True), (tags, False)):
        for path in sorted(listed.digests):
            if path.startswith("data/") != payload:
                problems.append(f"{path} is listed in the wrong manifest")
            elif path not in there:
                problems.append(f"{path} is listed, but not there")
    problems += _declarations(bag, tags)
    report.add("structure", problems, good=f"{len(bag.sizes)} files, {sum(bag.sizes.values())} bytes")
    return manifest, tags


def _declarations(bag: Bag, tags: Manifest) -> list[str]:
    """A bagit.txt that is as it was listed, and yet not BagIt 1.0 (if it is not as listed, its digest says so)."""
    if "bagit.txt" not in bag.sizes or bag.digest("bagit.txt") != tags.digests.get("bagit.txt"):
        return []
    return [] if bag.read("bagit.txt") == bags.DECLARATION else ["bagit.txt does not declare BagIt 1.0 in UTF-8"]


def _digests(bag: Bag, listed: Mapping[str, str], report: Report) -> None:
    problems = [f"{path} cannot be unpacked: it was changed" for path in sorted(bag.damaged)]
    for path in sorted(listed.keys() & bag.sizes.keys()):
        if bag.digest(path) != listed[path]:
            problems.append(f"{path} is not the file that was listed: it was changed")
    oxum = f"Payload-Oxum: {bags.oxum(bag.sizes)}"
    if "bag-info.txt" in bag.sizes and oxum.encode() not in bag.read("bag-info.txt").split(b"\n"):
        problems.append(f"bag-info.txt does not say {oxum!r}: sizes or number of the payload files are others")
    report.add("digests", problems, good="every file is the one that was listed")


def _signature(bag: Bag, trust: Trust, report: Report) -> None:
    if bags.TAG_MANIFEST not in bag.sizes or bags.SIGNATURE not in bag.sizes:
        report.checks.append(Check("signature", SKIPPED, ("a file that it needs is missing",)))
        return
    try:
        signed = cms.check(bag.read(bags.TAG_MANIFEST), bag.read(bags.SIGNATURE))
    except cms.SignatureError as error:
        report.add("signature", [str(error)])
        return
    who = signed.certificate.subject.rfc4514_string()
    report.add("signature", [], good=f"by {who}, who says that it was at {signed.signed_at.isoformat()}")
    if trust.signer_ca is None:
        report.add("authority", ["the trust file names no signer_ca, so nothing says who the signer is"], outcome=UNDECIDED)
    elif not trust.signer_ca:
        report.add(
            "authority", [f"not required: the trust file's signer_ca is empty, so nothing says that {who} may sign"], outcome=WARNING
        )
    else:
        problems = []
        try:
            cms.check_path(signed, trust.signer_ca)
        except cms.SignatureError as error:
            problems.append(str(error))
        report.add("authority", problems, good="it was issued under an authority of the trust file, and valid at the signing time")


def _anchored(identifier: str, files: Sequence[str], anchors: tuple[Any, ...], what: str, report: Report) -> None:
    """Checks whose material this version does not make yet: absent is a warning, required and absent a failure."""
    if any(anchor is None for anchor in anchors):
        report.add(identifier, [f"the trust file does not say whether a {what} is required"], outcome=UNDECIDED)
    elif files:
        outcome = UNDECIDED if any(anchors) else WARNING
        report.add(identifier, [f"the bundle carries a {what}, which this version of the verifier cannot check"], outcome=outcome)
    elif any(anchors):
        report.add(identifier, [f"not proven: the trust file requires a {what}, and the bundle has none"], outcome=FAILED)
    else:
        report.add(identifier, [f"not proven: the bundle has no {what}; the trust file does not require one"], outcome=WARNING)


def _time_stamp(bag: Bag, trust: Trust, report: Report) -> None:
    files = [path for path in bag.sizes if path.endswith(".tsr")]
    _anchored("time_stamp", files, (trust.tsa_ca,), "time stamp", report)


def _log(bag: Bag, trust: Trust, report: Report) -> None:
    _anchored("log", bag.under("data/log"), (trust.log_keys, trust.witness_keys), "log proof or witness", report)


def _params(bag: Bag, report: Report) -> dict[str, Any] | None:
    """``params.json`` where it has the form that every later check relies on."""
    if contents.PARAMS not in bag.sizes:
        report.checks.append(Check("finding", SKIPPED, (f"{contents.PARAMS} is missing",)))
        return None
    try:
        params = parse_json(bag.read(contents.PARAMS))
        _check_params(params)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        report.add("finding", [f"{contents.PARAMS} cannot be used: {error}"])
        return None
    return dict(params)


def _check_params(params: Any) -> None:
    if not isinstance(params, dict) or params["format"] != recompute.PARAMS_FORMAT:
        raise ValueError(f"its format is not {recompute.PARAMS_FORMAT}")
    for name in ("from_ms", "to_ms"):
        if type(params[name]) is not int or not 0 <= params[name] < _TIMES_LIMIT:
            raise ValueError(f"{name} is no time in ms")
    if params["to_ms"] - params["from_ms"] > 10 * 366 * 86_400_000 or params["from_ms"] >= params["to_ms"]:
        raise ValueError("its period is empty or longer than ten years")
    if not isinstance(params["devices"], list) or not isinstance(params["excluded"], list):
        raise ValueError("devices and excluded are no lists")
    if not all(isinstance(dev, str) for dev in params["devices"]) or not isinstance(params["case"], str):
        raise ValueError("devices or case are no texts")
    for entry in params["excluded"]:
        boot, seq = entry["position"]
        if not (isinstance(entry["dev"], str) and isinstance(entry["why"], str) and type(boot) is int and type(seq) is int):
            raise ValueError("excluded is not a list of dev, position, why")
