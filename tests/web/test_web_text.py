"""Both languages say everything, in the project's words."""

import re
import string
from pathlib import Path

import gridwitness.web
import pytest
from gridwitness.domain import finding
from gridwitness.topology import model
from gridwitness.web import states
from gridwitness.web.text import AREAS, CATALOGUES, Words
from gridwitness.web.text.phrases import phrase

WEB = Path(gridwitness.web.__file__).parent
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def fields(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


def test_the_catalogues_have_equal_keys_and_equal_blanks() -> None:
    assert set(CATALOGUES["zh"]) == set(CATALOGUES["en"])
    assert len(CATALOGUES["zh"]) == sum(len(area.WORDS) for area in AREAS), "a key stands in two areas"
    assert {k: fields(v) for k, v in CATALOGUES["zh"].items()} == {k: fields(v) for k, v in CATALOGUES["en"].items()}


def test_no_language_leans_on_the_other() -> None:
    assert not [k for k, v in CATALOGUES["en"].items() if CHINESE.search(v)]
    same = {k for k, v in CATALOGUES["zh"].items() if not CHINESE.search(v)}
    assert same <= {"span", "clock.2", "statistic.window"}


def test_a_case_is_to_be_inspected_and_never_a_legal_act() -> None:
    assert CATALOGUES["zh"]["state.case"] == "待查"
    assert not [k for k, v in CATALOGUES["zh"].items() if "立案" in v or "犯罪" in v]
    banned = re.compile(r"\b(sensor|node|slave|data point|guilty)\b", re.IGNORECASE)
    assert not [k for k, v in CATALOGUES["en"].items() if banned.search(v)]


def used_keys() -> set[str]:
    keys = set()
    for path in [*WEB.rglob("*.html"), *WEB.rglob("*.py")]:
        if path.parent.name != "text":
            keys |= set(re.findall(r"""\b(?:t|words)\(\s*["']([a-z0-9_.]+)["']""", path.read_text(encoding="utf-8")))
    return {k for k in keys if not k.endswith(".")}


def test_every_key_that_pages_use_exists() -> None:
    assert len(used_keys()) > 150
    assert used_keys() <= set(CATALOGUES["zh"])


def test_every_state_kind_and_role_has_words() -> None:
    kinds = (finding.DEDICATED_LINE_SUPPLY, finding.BEHIND_THE_METER_SUPPLY, finding.CALIBRATION_CONFLICT, finding.BAD_DATA)
    wanted = {f"state.{s}" for s in states.ORDER} | {f"kind.{k}" for k in kinds} | {f"fact.{k}" for k in kinds}
    wanted |= {f"role.{r}" for r in model.ROLES} | {f"term.{r}" for r in model.ROLES} | {f"plant.{k}" for k in model.PLANT_KINDS}
    wanted |= {f"basis.{b}" for b in model.LAWFUL_BASES}
    assert wanted <= set(CATALOGUES["zh"])


def test_every_reason_of_the_ingest_has_words() -> None:
    sources = [*(WEB.parent / "ingest").glob("*.py"), *(WEB.parents[2] / "firmware" / "lib" / "gwire").glob("*.py")]
    codes = {c for path in sources for c in re.findall(r'WireError\(\s*"([a-z_]+)"', path.read_text(encoding="utf-8"))}
    assert len(codes) > 8
    assert {f"refused.{c}" for c in codes} <= set(CATALOGUES["zh"])


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("m-tie began to read low", "m-tie 开始偏低"),
        ("no instrument on G1 (generator), SS (station_service)", "G1（发电机）、SS（厂用电） 没有仪表"),
        (
            "no instrument upstream of m-g1, m-g2: a tap at the generator terminals would not be seen",
            "m-g1、m-g2 之前没有仪表：发电机端子处的分接看不见",
        ),
        ("something that nobody has translated", "something that nobody has translated"),
    ],
)  # fmt: skip
def test_sentences_of_the_analysis_are_said_in_chinese(english: str, chinese: str) -> None:
    assert phrase(english, "zh") == chinese
    assert phrase(english, "en") == english


def test_what_cannot_be_seen_is_known_to_the_phrases(filled: object) -> None:
    """Every sentence that the engine stored for the sample sites has its Chinese."""
    store = filled.store  # type: ignore[attr-defined]
    told = [n for f in store.findings() for n in f.doc["not_observable"]]
    told += [a["what"] for f in store.findings() for a in f.doc["alternatives"]]
    for site in ("longtan", "qinggou"):
        doc = store.analysis(site)[1]
        told += [c["why"] for c in doc["cannot_check"]] + [d["problem"] for d in doc["data_quality"]]
    assert len(told) >= 6
    assert [t for t in told if not CHINESE.search(phrase(t, "zh"))] == []


def test_a_missing_key_is_an_error(words: Words) -> None:
    with pytest.raises(KeyError):
        words("no.such.key")
