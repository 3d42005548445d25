"""Checks of a bundle's devices: raw records, keys, chains, seals, both ends of the period. Exit code 24 and its warnings."""

from collections.abc import Mapping
from typing import Any

from gwire import ZERO_HASH
from gwire.topics import is_device_name

from gridwitness.evidence import chain, continuity, seal
from gridwitness.evidence.bag import Bag
from gridwitness.evidence.chain import DeviceView
from gridwitness.evidence.checks import UNDECIDED, WARNING, Report
from gridwitness.evidence.record import Record, UnreadableError, dates, parse
from gridwitness.evidence.trust import Trust

CLOCK_WANTED = 2
"""Clock quality below this is a warning."""


def check(bag: Bag, params: Mapping[str, Any], trust: Trust, report: Report) -> list[DeviceView]:
    """Check every device that the bundle names or holds records of; returns those that could be read."""
    found = {path.split("/")[2] for path in bag.under("data/raw") if path.count("/") == 3}
    views = []
    for dev in sorted(found | set(params["devices"])):
        view = _check_device(bag, dev, params, trust, report)
        if view is not None:
            views.append(view)
    if not views:
        report.add("chain", ["the bundle holds no readable device records"])
    return views


def _check_device(bag: Bag, dev: str, params: Mapping[str, Any], trust: Trust, report: Report) -> DeviceView | None:
    problems: list[str] = []
    records = _records(bag, dev, problems)
    if dev not in params["devices"]:
        problems.append("params.json does not name this device")
    key = _check_key(bag, dev, trust, report)
    if not records or key is None:
        report.add("chain", problems or ["there is no raw record, or no key to check it with"], subject=dev)
        return None
    found = chain.examine(records, lambda record: seal.signature_fits(record.payload, key))
    good = f"{len(records)} records in one chain under {found.seals} seals"
    report.add("chain", problems + found.broken, subject=dev, good=good)
    excluded = {(entry["position"][0], entry["position"][1]) for entry in params["excluded"] if entry["dev"] == dev}
    view = DeviceView(dev, records, dates(records, excluded), found)
    report.add("period", _ends(view, params), subject=dev, good="both are there")
    report.add("sealed", _not_sealed(records, found), subject=dev, outcome=WARNING, good="all are under a seal")
    report.add("gaps", _gaps(view, params), subject=dev, outcome=WARNING, good="none is missing")
    report.add("clock", _clock(records), subject=dev, outcome=WARNING, good=f"{CLOCK_WANTED} or better in every interval")
    return view


def _records(bag: Bag, dev: str, problems: list[str]) -> list[Record]:
    """All records of a device in chain order, each position once."""
    if not is_device_name(dev):
        problems.append("this is no device name")
        return []
    at: dict[tuple[int, int], Record] = {}
    for path in bag.under(f"data/raw/{dev}"):
        content = bag.read(path)
        if not content.endswith(b"\n"):
            problems.append(f"{path} does not end with a line feed")
        for number, line in enumerate(content.removesuffix(b"\n").split(b"\n"), 1):
            try:
                record = parse(line, dev, f"{path.rsplit('/', 1)[1]}:{number}")
            except UnreadableError as error:
                problems.append(str(error))
                continue
            if record.position in at:
                same = "the same record twice" if at[record.position].payload == line else "equivocation"
                problems.append(f"{record.name} and {at[record.position].name} claim the same position: {same}")
            else:
                at[record.position] = record
    return [at[position] for position in sorted(at)]


def _check_key(bag: Bag, dev: str, trust: Trust, report: Report) -> Any:
    """The device's public key, or None; whether it is the enrolled one becomes a check."""
    path = f"data/keys/{dev}.pem"
    try:
        key, fingerprint = seal.load_pem(bag.read(path) if path in bag.sizes else b"")
    except ValueError:
        report.add("enrolment", [f"{path} is no readable P-256 public key"], subject=dev)
        return None
    if trust.devices is None:
        report.add("enrolment", ["the trust file has no table of devices"], subject=dev, outcome=UNDECIDED)
    elif dev in trust.devices:
        differs = (
            f"the key in the bundle has the fingerprint {fingerprint}, the trust file says {trust.devices[dev]}: the key was exchanged"
        )
        report.add("enrolment", [] if trust.devices[dev] == fingerprint else [differs], subject=dev, good=f"fingerprint {fingerprint}")
    elif trust.devices or trust.device_ca:
        report.add("enrolment", ["the device is not enrolled in the trust file"], subject=dev)
    else:
        text = "not required: the trust file's table of devices is empty, so nothing says that this key is the device's"
        report.add("enrolment", [text], subject=dev, outcome=WARNING)
    return key


def _ends(view: DeviceView, params: Mapping[str, Any]) -> list[str]:
    times, problems = view.times, []
    first = view.chain[0]
    if first.t == "seal":
        if times.get(first.position, params["from_ms"] + 1) > params["from_ms"]:
            problems.append(f"the opening {first.name} is younger than the period's start: earlier records were left out")
    elif first.t != "boot" or first.prev != ZERO_HASH or first.doc.get("last") is not None:
        problems.append(
            f"the records begin with {first.name}, which is neither a seal nor the device's first record: something before it was left out"
        )
    if not any(r.t == "seal" and times.get(r.position, -1) >= params["to_ms"] for r in view.chain):
        problems.append("no seal closes the period: records may have been taken off the end")
    return problems


def _not_sealed(records: list[Record], found: chain.ChainReport) -> list[str]:
    after = found.after_newest_seal
    between = len(found.unproven) - after
    texts = list(found.roots_not_checked)
    if after:
        texts.append(f"{after} of {len(records)} records are younger than the newest seal: not sealed, they count in no penalty")
    if between > 0:
        texts.append(f"{between} records before the newest seal are not under any: not proven, which does not mean forged")
    return texts


def _gaps(view: DeviceView, params: Mapping[str, Any]) -> list[str]:
    doc = continuity.document(view, params["from_ms"], params["to_ms"])
    texts = [f"{hour['hour']}: {hour['missing']} of {hour['expected']} intervals are missing" for hour in doc["hours"] if hour["missing"]]
    texts += [
        f"{hole.missing} records are lost before {list(hole.before)}, as the device itself declared"
        for hole in view.report.holes
        if hole.declared_by
    ]
    left_out = [entry for entry in params["excluded"] if entry["dev"] == view.dev]
    if left_out:
        texts.append(f"{len(left_out)} records took no part, for instance {left_out[0]['position']}: {left_out[0]['why']}")
    return texts + list(view.report.forgotten)


def _clock(records: list[Record]) -> list[str]:
    poor = [r for r in records if r.t == "data" and r.schema_error is None and r.doc["cq"] < CLOCK_WANTED]
    return [f"{len(poor)} intervals were timed by a clock of quality below {CLOCK_WANTED}, the first {poor[0].name}"] if poor else []
