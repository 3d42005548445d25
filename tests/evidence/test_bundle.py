"""Exporting: what is in a bundle, what it refuses to be, and that ordinary tools can read it."""

import json
import re
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import plant as plants
import pytest
from gridwitness.domain.errors import GridwitnessError
from gridwitness.domain.moments import iso
from gridwitness.evidence import bag, contents, trust
from gridwitness.evidence.verify import verify


def test_the_raw_data_are_the_exact_payloads_in_chain_order(gateway: plants.Gateway) -> None:
    for dev, maker in gateway.plant.boards.items():
        files = sorted((gateway.bundle / "data/raw" / dev).iterdir())
        rows = b"".join(path.read_bytes() for path in files).splitlines()
        assert rows == [message.payload for message in maker.messages]


def test_sha256sum_accepts_both_manifests(gateway: plants.Gateway) -> None:
    done = subprocess.run(
        ["sha256sum", "--strict", "--quiet", "-c", "manifest-sha256.txt", "tagmanifest-sha256.txt"], cwd=gateway.bundle, capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_names_are_ascii_and_nothing_secret_is_inside(gateway: plants.Gateway) -> None:
    secrets = [maker.secret.hex() for maker in gateway.plant.boards.values()]
    for path in gateway.bundle.rglob("*"):
        assert path.name.isascii()
        assert not path.is_symlink()
        if path.is_file():
            text = path.read_bytes().decode("utf-8", "replace")
            assert "PRIVATE KEY" not in text
            assert not any(secret in text for secret in secrets)
            assert str(gateway.directory) not in text


def test_the_report_is_one_file_in_two_languages_that_loads_nothing(gateway: plants.Gateway) -> None:
    text = (gateway.bundle / contents.REPORT).read_text()
    finding = json.loads((gateway.bundle / contents.FINDING).read_text())
    assert "<script" not in text
    assert not re.search(r"(src|href)\s*=|url\(|@import|https?://", text)
    assert all(finding["explanation"][language] in text for language in ("zh", "en"))


def test_the_same_export_gives_the_same_bytes(gateway: plants.Gateway, tmp_path: Path) -> None:
    one = plants.export(tmp_path / "1", gateway.plant, gateway.signer, as_zip=True)
    two = plants.export(tmp_path / "2", gateway.plant, gateway.signer, as_zip=True)
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as archive:
        names = [name.removeprefix(gateway.bundle.name + "/") for name in archive.namelist()]
        assert all(archive.read(f"{gateway.bundle.name}/{name}") == (gateway.bundle / name).read_bytes() for name in names)
    assert names == sorted(path.relative_to(gateway.bundle).as_posix() for path in gateway.bundle.rglob("*") if path.is_file())


def test_the_inputs_can_be_analysed_again_by_the_command(gateway: plants.Gateway, tmp_path: Path) -> None:
    from gridwitness.detect.document import document
    from gridwitness.detect.engine import analyse
    from gridwitness.ingest.casefiles import read

    case = tmp_path / "testing"
    case.mkdir()
    (case / "site.yaml").write_bytes((gateway.bundle / contents.REGISTER).read_bytes())
    (case / "readings.csv").write_bytes((gateway.bundle / contents.INPUTS).read_bytes())
    site, readings, _ = read(case)
    computed = document(analyse(site, readings), site, "testing")
    stated = json.loads((gateway.bundle / contents.OUTPUTS).read_text())
    assert computed["findings"] == stated["findings"]


def test_an_unknown_finding_is_refused(gateway: plants.Gateway, tmp_path: Path) -> None:
    with pytest.raises(GridwitnessError) as caught:
        plants.bundle.export(gateway.plant, "no-such-finding", tmp_path, gateway.signer)
    assert caught.value.code == "unknown_finding"


def test_an_export_before_the_next_seal_names_the_devices_that_have_to_seal(gateway: plants.Gateway, tmp_path: Path) -> None:
    plant = plants.run(minutes=80, seal_every=70, hidden_from=73)  # gw-loads reboots, and so seals, in minute 75
    with pytest.raises(GridwitnessError, match="gw-g1, gw-g2, gw-tie has no seal since") as caught:
        plants.export(tmp_path, plant, gateway.signer)
    assert caught.value.code == "not_sealed"


def test_a_finding_that_the_raw_data_do_not_give_is_not_exported(gateway: plants.Gateway, tmp_path: Path) -> None:
    stored = gateway.plant.stored
    assert stored is not None
    doc = {**stored.doc, "subject": {"type": "bus", "id": "B9"}}
    plant = replace(gateway.plant, stored=replace(stored, doc=doc))
    with pytest.raises(GridwitnessError, match="do not give dedicated_line_supply on bus B9"):
        plants.export(tmp_path, plant, gateway.signer)


def test_the_period_ends_where_every_device_has_sealed(gateway: plants.Gateway, tmp_path: Path, trust_file: Path) -> None:
    """One device is ten minutes behind with its seal: its unsealed records are in the bundle, and the others' figures stop there."""
    plant = plants.run()
    maker = plant.boards["gw-tie"]
    assert b'"t":"seal"' in maker.messages.pop().payload
    notes: list[str] = []
    path = plants.bundle.export(plant, plants.FINDING, tmp_path, gateway.signer, tell=notes.append)
    report = verify(path, trust.load(trust_file))
    assert report.exit_code == 10, report.as_json()
    [unsealed] = [check for check in report.checks if check.id == "sealed" and check.outcome == "warning"]
    assert (unsealed.subject, "not sealed" in unsealed.details[0]) == ("gw-tie", True)
    params = json.loads((path / contents.PARAMS).read_text())
    assert params["to_ms"] == plants.START_MS + 120 * plants.MINUTE_MS
    assert iso(params["to_ms"]) in notes[0]


def seals_before_it_stores_the_last_interval(boards: dict[str, plants.RecordMaker]) -> None:
    """``gw-tie`` seals exactly when its last interval ends, and stores that interval after the seal."""
    tie = boards["gw-tie"]
    assert tie.now_ms is not None
    tie.now_ms += plants.MINUTE_MS
    tie.seal("hour")
    tie.now_ms -= plants.MINUTE_MS


def test_the_closing_seal_covers_the_periods_last_interval(gateway: plants.Gateway, tmp_path: Path, trust_file: Path) -> None:
    plant = plants.run(happens={149: seals_before_it_stores_the_last_interval})
    path = plants.export(tmp_path, plant, gateway.signer)
    totals = json.loads((path / "data/continuity/gw-tie.json").read_text())["totals"]
    assert (totals["received"], totals["missing"]) == (300, 0)
    rows = b"".join(file.read_bytes() for file in sorted((path / "data/raw/gw-tie").iterdir())).splitlines()
    assert rows == [message.payload for message in plant.boards["gw-tie"].messages]
    assert verify(path, trust.load(trust_file)).exit_code == 10


def test_a_store_that_no_longer_has_the_beginning_opens_with_a_seal(gateway: plants.Gateway, tmp_path: Path, trust_file: Path) -> None:
    plant = plants.run()
    for maker in plant.boards.values():
        del maker.messages[:20]
    path = plants.export(tmp_path, plant.analyse(), gateway.signer)
    report = verify(path, trust.load(trust_file))
    assert report.exit_code == 10, report.as_json()
    raw = sorted((path / "data/raw/gw-g1").iterdir())[0].read_bytes()
    assert b'"t":"seal"' in raw.splitlines()[0]


def boots_without_a_clock(boards: dict[str, plants.RecordMaker]) -> None:
    """``gw-loads`` reboots, and learns the time only after two seconds and two records; ``gw-tie`` sends one from tomorrow."""
    loads = boards["gw-loads"]
    now_ms, loads.now_ms = loads.now_ms, None
    loads.boot(cause="power_on")
    loads.pass_time(2000)
    loads.event("clock_step")
    loads.now_ms = now_ms
    loads.event("config")
    boards["gw-tie"].record("event", {"pt": None, "k": "config", "x": {}}, ts=plants.START_MS + 86_400_000)


def test_records_without_a_clock_and_of_a_wrong_one_stay_in_the_chain(gateway: plants.Gateway, tmp_path: Path, trust_file: Path) -> None:
    plant = plants.run(happens={100: boots_without_a_clock})
    wrong = next(m for m in plant.boards["gw-tie"].messages if b'"k":"config"' in m.payload)
    plant.quarantined = {"gw-tie": {(wrong.boot, wrong.seq): "clock_ahead"}}
    path = plants.export(tmp_path, plant, gateway.signer)
    report = verify(path, trust.load(trust_file))
    assert report.exit_code == 10, report.as_json()
    gaps = {check.subject: check.details for check in report.checks if check.id == "gaps"}
    assert any("took no part" in text for text in gaps["gw-tie"])
    continuity = json.loads((path / "data/continuity/gw-loads.json").read_text())
    assert continuity["undated"] == 0
    assert [step["at"] for step in continuity["clock_steps"]] == [iso(plants.START_MS + 100 * plants.MINUTE_MS)]
    assert len(continuity["reboots"]) == 3
    done = subprocess.run(["bash", str(path / "data/verify.sh"), "--trust", str(trust_file)], capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stdout


def test_a_register_is_kept_as_it_was(gateway: plants.Gateway) -> None:
    assert (gateway.bundle / contents.REGISTER).read_text() == plants.REGISTER
    sources = json.loads((gateway.bundle / contents.SOURCES).read_text())
    assert sources["files"][0]["in_force_from"] == iso(plants.START_MS)


def test_bag_info_counts_the_payload(gateway: plants.Gateway) -> None:
    payload = [path for path in (gateway.bundle / "data").rglob("*") if path.is_file()]
    oxum = f"Payload-Oxum: {sum(path.stat().st_size for path in payload)}.{len(payload)}"
    assert oxum in (gateway.bundle / "bag-info.txt").read_text()
    assert bag.open_bag(gateway.bundle).problems == []
