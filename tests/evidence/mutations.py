"""Ways to tamper with a bundle, from the clumsy to the insider's, each with the exit code that has to come of it.

``clumsy`` changes touch files only; ``remanifested`` ones repair the manifests afterwards; ``insider`` ones also sign them again
with the gateway's own signing key, and repair every derived file that the exporter's code can repair.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import plant as plants
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from gridwitness.evidence import bag, cms, contents, devices, recompute, trust
from gridwitness.evidence.checks import Report
from gridwitness.fleet import keys
from gridwitness.sim.device import RecordMaker
from gwire import envelope

RAW = "data/raw/gw-g1/2026-11-30T17.jsonl"
LAST = "data/raw/gw-g1/2026-11-30T18.jsonl"


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink()
    }


def remanifest(folder: Path) -> None:
    """What somebody without any key can do: every digest, size and count fits again."""
    files = files_of(folder)
    payload = {path: content for path, content in files.items() if path.startswith("data/")}
    info = re.sub(
        rb"Payload-Oxum: .*", f"Payload-Oxum: {bag.oxum({p: len(c) for p, c in payload.items()})}".encode(), files["bag-info.txt"]
    )
    tags = {"bagit.txt": files["bagit.txt"], "bag-info.txt": info, bag.MANIFEST: bag.manifest_text(payload)}
    for path, content in tags.items():
        (folder / path).write_bytes(content)
    (folder / bag.TAG_MANIFEST).write_bytes(bag.manifest_text(tags))


def resign(folder: Path, gateway: plants.Gateway) -> None:
    """What the gateway's operator can do."""
    remanifest(folder)
    signature = cms.sign((folder / bag.TAG_MANIFEST).read_bytes(), gateway.signer, gateway.plant.now)
    (folder / bag.SIGNATURE).write_bytes(signature)


def rederive(folder: Path, gateway: plants.Gateway) -> None:
    """The operator's best: everything that follows from the raw records is made anew from the tampered ones."""
    opened = bag.open_bag(folder)
    params = json.loads(opened.read(contents.PARAMS))
    views = devices.check(opened, params, trust.Trust(), Report(""))
    register = opened.read(contents.REGISTER).decode()
    params = recompute.parameters(params["case"], [v.dev for v in views], params["from_ms"], params["to_ms"], register, params["excluded"])
    result = recompute.run(register, {view.dev: view.chain for view in views}, params)
    params["inputs_sha256"] = envelope.sha256_hex(result.inputs.encode())
    old = json.loads(opened.read(contents.FINDING))
    finding = recompute.same_finding(result.document["findings"], old)
    assert finding is not None
    case = contents.case_document(old["id"], old["site"], finding)
    continuities = contents.continuities(views, params)
    new = {contents.FINDING: contents.to_json(case), contents.PARAMS: contents.to_json(params), contents.INPUTS: result.inputs.encode()}
    new |= {contents.OUTPUTS: contents.to_json(result.document), contents.REPORT: contents.report_html(case, params, continuities, result)}
    for path, content in (new | {path: contents.to_json(doc) for path, doc in continuities.items()}).items():
        (folder / path).write_bytes(content)
    resign(folder, gateway)


def edit_json(path: Path, change: Callable[[dict], object]) -> None:
    doc = json.loads(path.read_text())
    change(doc)
    path.write_bytes(contents.to_json(doc))


def edit_lines(path: Path, change: Callable[[list[bytes]], object]) -> None:
    rows = path.read_bytes().splitlines()
    change(rows)
    path.write_bytes(b"".join(row + b"\n" for row in rows))


def lower_reading(payload: bytes) -> bytes:
    """The same record with 100 kW less."""
    return re.sub(rb'"p_w":(\d+)', lambda m: b'"p_w":%d' % (int(m[1]) - 1_000_000), payload)


def relinked(maker: RecordMaker, rows: list[bytes], at: int) -> None:
    """Make MACs and hashes fit again from line ``at`` on, as the holder of K can, up to the next seal, which he cannot make."""
    hmac = envelope.Hmac(envelope.key_up(maker.secret))
    for index in range(at, len(rows)):
        form, body, _ = envelope.split(rows[index])
        if form == envelope.SEAL:
            return
        if index > at:
            body = re.sub(rb'"prev":"[0-9a-f]{64}"', b'"prev":"%s"' % envelope.sha256_hex(rows[index - 1]).encode(), body, count=1)
        rows[index] = envelope.with_mac(body, hmac)


# ---------------------------------------------------------------- the changes


def flip_byte_raw(folder: Path, gateway: plants.Gateway) -> None:
    content = bytearray((folder / RAW).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / RAW).write_bytes(content)


def flip_byte_report(folder: Path, gateway: plants.Gateway) -> None:
    content = bytearray((folder / contents.REPORT).read_bytes())
    content[-20] ^= 1
    (folder / contents.REPORT).write_bytes(content)


def flip_byte_bag_info(folder: Path, gateway: plants.Gateway) -> None:
    content = bytearray((folder / "bag-info.txt").read_bytes())
    content[-3] ^= 1
    (folder / "bag-info.txt").write_bytes(content)


def append_byte(folder: Path, gateway: plants.Gateway) -> None:
    with (folder / "data/README.md").open("ab") as file:
        file.write(b" ")


def flip_byte_signature(folder: Path, gateway: plants.Gateway) -> None:
    content = bytearray((folder / bag.SIGNATURE).read_bytes())
    content[-5] ^= 1
    (folder / bag.SIGNATURE).write_bytes(content)


def truncated_signature(folder: Path, gateway: plants.Gateway) -> None:
    (folder / bag.SIGNATURE).write_bytes((folder / bag.SIGNATURE).read_bytes()[:-40])


def edit_and_remanifest(folder: Path, gateway: plants.Gateway) -> None:
    edit_lines(folder / RAW, lambda rows: rows.__setitem__(10, lower_reading(rows[10])))
    remanifest(folder)


def remove_file(folder: Path, gateway: plants.Gateway) -> None:
    (folder / RAW).unlink()


def remove_manifest(folder: Path, gateway: plants.Gateway) -> None:
    (folder / bag.MANIFEST).unlink()


def remove_signature(folder: Path, gateway: plants.Gateway) -> None:
    (folder / bag.SIGNATURE).unlink()


def add_file(folder: Path, gateway: plants.Gateway) -> None:
    (folder / "data/raw/gw-g1/2026-11-30T19.jsonl").write_bytes(b"{}\n")


def add_tag_file(folder: Path, gateway: plants.Gateway) -> None:
    (folder / "notes.txt").write_bytes(b"trust me\n")


def symlink_file(folder: Path, gateway: plants.Gateway) -> None:
    target = folder.parent / "elsewhere"
    shutil.move(folder / RAW, target)
    (folder / RAW).symlink_to(target)


def symlink_folder(folder: Path, gateway: plants.Gateway) -> None:
    target = folder.parent / "elsewhere"
    shutil.move(folder / "data/raw/gw-g1", target)
    (folder / "data/raw/gw-g1").symlink_to(target)


def fifo(folder: Path, gateway: plants.Gateway) -> None:
    os.mkfifo(folder / "data/pipe")


def hidden_file(folder: Path, gateway: plants.Gateway) -> None:
    (folder / "data/.hidden").write_bytes(b"x")
    resign(folder, gateway)


def traversal_in_manifest(folder: Path, gateway: plants.Gateway) -> None:
    manifest = folder / bag.MANIFEST
    manifest.write_bytes(manifest.read_bytes() + b"0" * 64 + b"  data/../../outside\n")


def one_space_manifest(folder: Path, gateway: plants.Gateway) -> None:
    manifest = folder / bag.TAG_MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b"  ", b" "))


def insider_reading(folder: Path, gateway: plants.Gateway) -> None:
    edit_lines(folder / RAW, lambda rows: rows.__setitem__(10, lower_reading(rows[10])))
    rederive(folder, gateway)


def insider_reading_relinked(folder: Path, gateway: plants.Gateway) -> None:
    def change(rows: list[bytes]) -> None:
        rows[10] = lower_reading(rows[10])
        relinked(gateway.plant.boards["gw-g1"], rows, 10)

    edit_lines(folder / RAW, change)
    rederive(folder, gateway)


def insider_drops_line(folder: Path, gateway: plants.Gateway) -> None:
    edit_lines(folder / RAW, lambda rows: rows.pop(10))
    rederive(folder, gateway)


def insider_drops_tail(folder: Path, gateway: plants.Gateway) -> None:
    edit_lines(folder / LAST, lambda rows: rows.__delitem__(slice(15, None)))
    rederive(folder, gateway)


def insider_drops_last_seal(folder: Path, gateway: plants.Gateway) -> None:
    edit_lines(folder / LAST, lambda rows: rows.pop())
    rederive(folder, gateway)


def insider_drops_head(folder: Path, gateway: plants.Gateway) -> None:
    (folder / "data/raw/gw-g1/2026-11-30T16.jsonl").unlink()
    rederive(folder, gateway)


def insider_drops_boot(folder: Path, gateway: plants.Gateway) -> None:
    """All of the second boot of gw-loads up to the closing seal, which is of that boot too: its seals go as well."""
    for name in ("17", "18"):
        path = folder / f"data/raw/gw-loads/2026-11-30T{name}.jsonl"
        edit_lines(path, lambda rows: rows.__setitem__(slice(None), [row for row in rows if b'"boot":0' in row]))
        if not path.read_bytes():
            path.unlink()
    rederive(folder, gateway)


def insider_swaps_lines(folder: Path, gateway: plants.Gateway) -> None:
    """Two readings exchange their values; every total stays as it was."""

    def change(rows: list[bytes]) -> None:
        first, second = (re.search(rb'"m":\{[^}]*\}', rows[i]) for i in (10, 12))
        assert first
        assert second
        rows[10], rows[12] = rows[10].replace(first[0], second[0]), rows[12].replace(second[0], first[0])
        relinked(gateway.plant.boards["gw-g1"], rows, 10)

    edit_lines(folder / RAW, change)
    rederive(folder, gateway)


def insider_adds_record(folder: Path, gateway: plants.Gateway) -> None:
    """A line twice."""
    edit_lines(folder / RAW, lambda rows: rows.insert(10, rows[10]))
    resign(folder, gateway)


def insider_moves_device(folder: Path, gateway: plants.Gateway) -> None:
    """The records of one device under another one's name."""
    (folder / RAW).write_bytes((folder / RAW.replace("gw-g1", "gw-g2")).read_bytes())
    resign(folder, gateway)


def insider_new_seal(folder: Path, gateway: plants.Gateway) -> None:
    """An edited reading under a new seal of a key that is not the board's, though the key file still is."""
    forger = RecordMaker("gw-g1", seed="forged")

    def change(rows: list[bytes]) -> None:
        at = next(i for i, row in enumerate(rows) if b'"t":"seal"' in row)
        rows[at] = forger.sign("seal", envelope.split(rows[at])[1]).payload

    edit_lines(folder / RAW, change)
    resign(folder, gateway)


def swap_device_key(folder: Path, gateway: plants.Gateway) -> None:
    """All of a device's records made anew by the insider, with seals of a key of his own, and that key in the bundle."""
    plant = gateway.plant
    forged = plants.run(board_seeds={"gw-g1": "forged"})
    (folder / "data").rename(folder / "old")
    remade = plants.export(folder.parent / "forged", forged, gateway.signer)
    shutil.rmtree(folder)
    shutil.move(remade, folder)
    assert plant.boards["gw-g1"].seal_point != forged.boards["gw-g1"].seal_point


def null_byte(folder: Path, gateway: plants.Gateway) -> None:
    """A byte that shells drop: what is hashed must be what is there."""
    edit_lines(folder / RAW, lambda rows: rows.__setitem__(10, rows[10][:70] + b"\0" + rows[10][70:]))
    resign(folder, gateway)


def self_signed(folder: Path, gateway: plants.Gateway) -> None:
    """Signed by a stranger whose certificate looks like the gateway's."""
    stranger = keys.ensure(folder.parent / "stranger")
    remanifest(folder)
    signature = cms.sign((folder / bag.TAG_MANIFEST).read_bytes(), cms.Signer.load(stranger), gateway.plant.now)
    (folder / bag.SIGNATURE).write_bytes(signature)


def expired(folder: Path, gateway: plants.Gateway) -> None:
    """Signed at a time when the certificate was not valid."""
    signature = cms.sign((folder / bag.TAG_MANIFEST).read_bytes(), gateway.signer, gateway.plant.now + 15 * 366 * 86_400_000)
    (folder / bag.SIGNATURE).write_bytes(signature)


def other_key_same_certificate(folder: Path, gateway: plants.Gateway) -> None:
    """The signer's true certificate beside the signature of another key."""
    signer = gateway.signer
    forged = cms.Signer(ec.generate_private_key(ec.SECP256R1()), signer.certificate, signer.chain)
    (folder / bag.SIGNATURE).write_bytes(cms.sign((folder / bag.TAG_MANIFEST).read_bytes(), forged, gateway.plant.now))


def changed_parameter(folder: Path, gateway: plants.Gateway) -> None:
    edit_json(folder / contents.PARAMS, lambda doc: doc.update(to_ms=doc["to_ms"] - 600_000))
    resign(folder, gateway)


def added_parameter(folder: Path, gateway: plants.Gateway) -> None:
    edit_json(folder / contents.PARAMS, lambda doc: doc.update(prior=0.5))
    resign(folder, gateway)


def excluded_records(folder: Path, gateway: plants.Gateway) -> None:
    entry = {"dev": "gw-tie", "position": [0, 100], "why": "clock"}
    edit_json(folder / contents.PARAMS, lambda doc: doc["excluded"].append(entry))
    resign(folder, gateway)


def changed_energy(folder: Path, gateway: plants.Gateway) -> None:
    edit_json(folder / contents.FINDING, lambda doc: doc.update(energy_penalty_wh=doc["energy_penalty_wh"] * (1 + 1e-6)))
    resign(folder, gateway)


def changed_status(folder: Path, gateway: plants.Gateway) -> None:
    edit_json(folder / contents.FINDING, lambda doc: doc.update(status="watch"))
    resign(folder, gateway)


def changed_everywhere(folder: Path, gateway: plants.Gateway) -> None:
    """Finding and output agree with each other, but not with the raw records."""
    for path in (contents.FINDING, contents.OUTPUTS):
        text = (folder / path).read_text()
        (folder / path).write_text(re.sub(r'"subject": \{\s*"type": "bus",\s*"id": "B1"', '"subject": {"type": "bus", "id": "B2"', text))
    resign(folder, gateway)


def changed_register(folder: Path, gateway: plants.Gateway) -> None:
    path = folder / contents.REGISTER
    path.write_text(path.read_text().replace("no_load_w: 6500", "no_load_w: 66500"))
    resign(folder, gateway)


def changed_inputs(folder: Path, gateway: plants.Gateway) -> None:
    path = folder / contents.INPUTS
    path.write_text(path.read_text().replace(",ok\n", ",suspect\n", 1))
    digest = envelope.sha256_hex(path.read_bytes())
    edit_json(folder / contents.PARAMS, lambda doc: doc.update(inputs_sha256=digest))
    resign(folder, gateway)


def changed_report(folder: Path, gateway: plants.Gateway) -> None:
    path = folder / contents.REPORT
    path.write_text(path.read_text().replace("立案级", "关注"))
    resign(folder, gateway)


def changed_continuity(folder: Path, gateway: plants.Gateway) -> None:
    edit_json(folder / "data/continuity/gw-loads.json", lambda doc: doc["reboots"].pop())
    resign(folder, gateway)


def changed_script(folder: Path, gateway: plants.Gateway) -> None:
    (folder / "data/verify.sh").write_text("#!/usr/bin/env bash\necho all is well\nexit 0\n")
    resign(folder, gateway)


def certificate_only(folder: Path, gateway: plants.Gateway) -> None:
    """No signature at all, only certificates (a degenerate CMS)."""
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

    der = pkcs7.serialize_certificates([gateway.signer.certificate, *gateway.signer.chain], Encoding.DER)
    assert x509.load_der_x509_certificate(gateway.signer.certificate.public_bytes(Encoding.DER))
    (folder / bag.SIGNATURE).write_bytes(der)


@dataclass(frozen=True)
class Case:
    """A change, the verifier's exit code, and that of verify.sh (None: the same)."""

    change: plants.Mutation
    code: int
    script: int | None = None

    @property
    def name(self) -> str:
        return self.change.__name__


CASES = (
    *(
        Case(change, 20)
        for change in (remove_file, remove_manifest, remove_signature, add_file, add_tag_file, symlink_file, symlink_folder)
    ),
    *(Case(change, 20) for change in (fifo, hidden_file, traversal_in_manifest, one_space_manifest)),
    *(Case(change, 21) for change in (flip_byte_raw, flip_byte_report, flip_byte_bag_info, append_byte)),
    *(Case(change, 22) for change in (edit_and_remanifest, flip_byte_signature, truncated_signature, self_signed, expired)),
    *(Case(change, 22) for change in (other_key_same_certificate, certificate_only)),
    *(Case(change, 24) for change in (insider_reading, insider_reading_relinked, insider_drops_line, insider_drops_tail)),
    *(Case(change, 24) for change in (insider_drops_last_seal, insider_drops_head, insider_drops_boot, insider_swaps_lines)),
    *(Case(change, 24) for change in (insider_adds_record, insider_moves_device, insider_new_seal, swap_device_key, null_byte)),
    *(Case(change, 26, 3) for change in (changed_parameter, added_parameter, excluded_records, changed_energy, changed_status)),
    *(Case(change, 26, 3) for change in (changed_everywhere, changed_register, changed_inputs, changed_report, changed_continuity)),
    Case(changed_script, 26, 3),
)
