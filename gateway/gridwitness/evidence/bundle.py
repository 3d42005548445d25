"""Exporting a bundle: which raw records, which period, all derived files, manifests, signature.

The period ends at the newest moment up to which EVERY device of the site has sealed its records (but not after the analysis
that the finding comes from). The finding is computed again from exactly the records that go into the bundle, and that is the
finding that is exported.
"""

import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gwire.envelope import sha256_hex

from gridwitness.domain.errors import GridwitnessError
from gridwitness.domain.moments import iso
from gridwitness.evidence import bag, chain, cms, contents, recompute, seal
from gridwitness.evidence.extent import Extent, period, read
from gridwitness.evidence.record import dates
from gridwitness.evidence.segments import by_hour, file_name, lines, write_durably
from gridwitness.evidence.source import BundleSource, Device, StoredFinding

Tell = Callable[[str], None]


def export(
    source: BundleSource, finding_id: str, out_dir: Path, signer: cms.Signer, *, as_zip: bool = False, tell: Tell | None = None
) -> Path:
    """Write the bundle of a finding below ``out_dir``; returns its folder, or its zip file.

    ``tell`` gets a sentence for everything that the exporting person should know. Raises GridwitnessError ``unknown_finding``,
    ``no_records``, ``not_sealed`` (no seal since the detection), ``not_reproduced`` (the raw data do not give the finding).
    """
    now_ms = source.now_ms()
    files, identifier = _payload(source, finding_id, now_ms, tell or (lambda _: None))
    files = _signed(files, identifier, signer, now_ms)
    name = f"{identifier}-{datetime.fromtimestamp(now_ms / 1000, UTC):%Y%m%dT%H%M%SZ}"
    out_dir.mkdir(parents=True, exist_ok=True)
    if as_zip:
        path = out_dir / f"{name}.zip"
        bag.write_zip(files, name, path)
        return path
    return _write_folder(files, out_dir / name)


def _write_folder(files: Mapping[str, bytes], path: Path) -> Path:
    temporary = path.with_name(path.name + ".part")
    for old in (temporary, path):
        if old.exists():
            shutil.rmtree(old)
    for relative, content in files.items():
        write_durably(temporary / relative, content)
    (temporary / "data/verify.sh").chmod(0o755)
    temporary.replace(path)
    return path


def _payload(source: BundleSource, finding_id: str, now_ms: int, tell: Tell) -> tuple[dict[str, bytes], str]:
    stored = source.finding(finding_id)
    register = source.register(stored.site)
    extents = [extent for device in source.devices(stored.site) if (extent := read(source, device)) is not None]
    if not extents:
        raise GridwitnessError("no_records", f"there are no raw records of site {stored.site}", "the finding comes from another store")
    from_ms, to_ms = period(extents, stored)
    files: dict[str, bytes] = {}
    views, excluded = [], []
    for extent in sorted(extents, key=lambda e: e.device.dev):
        kept = extent.cut(from_ms, to_ms)
        files |= _raw_files(extent, kept) | _key_files(extent.device)
        view = _view(extent, kept, tell)
        views.append(view)
        inside = {record.position for record in view.chain}
        left_out = sorted((p, why) for p, why in extent.excluded.items() if p in inside)
        excluded += [{"dev": extent.device.dev, "position": list(p), "why": why} for p, why in left_out]
    params = recompute.parameters(stored.site, [v.dev for v in views], from_ms, to_ms, register.text, excluded)
    result = recompute.run(register.text, {v.dev: v.chain for v in views}, params)
    finding = _reproduced(stored, result, to_ms, tell)
    case = contents.case_document(stored.id, stored.site, finding)
    params["inputs_sha256"] = sha256_hex(result.inputs.encode())
    continuities = contents.continuities(views, params)
    files |= {
        contents.FINDING: contents.to_json(case),
        contents.PARAMS: contents.to_json(params),
        contents.INPUTS: result.inputs.encode(),
        contents.OUTPUTS: contents.to_json(result.document),
        contents.REPORT: contents.report_html(case, params, continuities, result),
        contents.REGISTER: register.text.encode(),
        contents.SOURCES: contents.to_json(_sources(register.text, register.from_ms, now_ms)),
    }
    files |= {path: contents.to_json(doc) for path, doc in continuities.items()}
    files |= {f"data/{name}": contents.static_file(name) for name in contents.STATIC}
    return files, stored.id


def _view(extent: Extent, kept: range, tell: Tell) -> chain.DeviceView:
    key = seal.public_key(extent.device.seal_key)
    records = [extent.records[i] for i in kept]
    found = chain.examine(records, lambda record: seal.signature_fits(record.payload, key))
    for text in found.broken:
        tell(f"{extent.device.dev}: {text}; the bundle will not verify")
    return chain.DeviceView(extent.device.dev, records, dates(records, extent.excluded), found)


def _raw_files(extent: Extent, kept: range) -> dict[str, bytes]:
    folder = f"data/raw/{extent.device.dev}"
    return {
        f"{folder}/{file_name(hour, 0)}": lines(row[4] for row in group) for hour, group in by_hour(extent.rows[i] for i in kept).items()
    }


def _key_files(device: Device) -> dict[str, bytes]:
    claim = {**device.claim, "dev": device.dev, "site": device.site, "claimed_ms": device.claimed_ms}
    claim["spki_sha256"] = seal.spki_sha256(device.seal_key)
    claim.pop("k", None)  # the claim's secret never leaves the gateway
    return {f"data/keys/{device.dev}.pem": seal.pem(device.seal_key), f"data/keys/{device.dev}.json": contents.to_json(claim)}


def _reproduced(stored: StoredFinding, result: recompute.Recomputed, to_ms: int, tell: Tell) -> Mapping[str, Any]:
    finding = recompute.same_finding(result.document["findings"], stored.doc)
    if finding is None:
        subject = stored.doc["subject"]
        raise GridwitnessError(
            "not_reproduced",
            f"the sealed records up to {iso(to_ms)} do not give {stored.doc['kind']} on {subject['type']} {subject['id']}",
            "later records may have changed the finding; see its history, or export again after the next seal",
        )
    if recompute.differences(finding, stored.doc):
        tell(f"the bundle's figures are those of the sealed records up to {iso(to_ms)}; the page shows those of {iso(stored.to_ms)}")
    return finding


def _sources(register: str, from_ms: int, now_ms: int) -> dict[str, Any]:
    entry = {
        "file": contents.REGISTER,
        "what": "register",
        "source": "gateway",
        "in_force_from": iso(from_ms),
        "sha256": sha256_hex(register.encode()),
    }
    return {"format": "gridwitness-sources/1", "collected_at": iso(now_ms), "files": [entry]}


def _signed(files: dict[str, bytes], identifier: str, signer: cms.Signer, now_ms: int) -> dict[str, bytes]:
    """The whole bag: payload, tag files, manifests, and the signature over the tag manifest."""
    payload = files | {"data/keys/signer-chain.pem": signer.chain_pem().encode()}
    tags = {
        "bagit.txt": bag.DECLARATION,
        "bag-info.txt": _bag_info(payload, identifier, now_ms),
        bag.MANIFEST: bag.manifest_text(payload),
    }
    tag_manifest = bag.manifest_text(tags)
    return payload | tags | {bag.TAG_MANIFEST: tag_manifest, bag.SIGNATURE: cms.sign(tag_manifest, signer, now_ms)}


def _bag_info(payload: Mapping[str, bytes], identifier: str, now_ms: int) -> bytes:
    rows = {
        "Bag-Software-Agent": recompute.SOFTWARE,
        "Bagging-Date": iso(now_ms)[:10],
        "BagIt-Profile-Identifier": bag.PROFILE,
        "External-Identifier": identifier,
        "Payload-Oxum": bag.oxum({path: len(content) for path, content in payload.items()}),
    }
    return "".join(f"{name}: {value}\n" for name, value in rows.items()).encode()
