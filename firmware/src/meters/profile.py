"""A meter model as data: which registers hold what.

A profile is a JSON file::

    format      "gridwitness-meter/1"
    model       the meter's name                    source      where the register map comes from
    function    3 (holding) or 4 (input registers)  word_order  "big", or "little" where the low word comes first
    max_count   registers in one request            max_gap     unused registers that a request may read over to join two ranges
    values      "primary", or "secondary" where the point's ct and vt ratios are still to be applied
    absent      type: value that means "not available", in hex (a float that is no number always means that)
    registers   list of {address (hex, 0-based), type, unit, scale (power of ten, default 0), key, name (the maker's)}
    probe       {"range": [[key, lowest, highest in the field's unit]], "sum": [total key, [parts], percent]}

The probe must hold before any value of a meter is believed: a wrong model or word order fails it. This module is needed while points
are opened and not afterwards; what stays is the `Plan`.
"""

import json
import sys

from .decode import is_register
from .plan import Plan

FORMAT = "gridwitness-meter/1"
_MEMBERS = ("format", "model", "source", "function", "word_order", "max_count", "max_gap", "values", "absent", "registers", "probe")
_MOST = 125  # registers in one answer (Modbus Application Protocol 1.1b3, 6.3)


# type: words
TYPES = {"uint16": 1, "int16": 1, "uint32": 2, "int32": 2, "uint64": 4, "int64": 4, "float32": 2}

# unit of a profile: power of ten from the unit of the field table
UNITS = {
    "1": 0, "V": 0, "kV": 3, "A": 0, "mA": -3, "Hz": 0, "W": 0, "kW": 3, "MW": 6, "var": 0, "kvar": 3, "Mvar": 6, "VA": 0, "kVA": 3,
    "MVA": 6, "Wh": 0, "kWh": 3, "MWh": 6, "varh": 0, "kvarh": 3, "Mvarh": 6,
}  # fmt: skip

# field key (phases written with *): exponent of the field table and unit; a test holds this against gwire.fields
FIELDS = {
    "p_w": (-1, "W"),
    "q_var": (-1, "var"),
    "s_va": (-1, "VA"),
    "pf": (-4, "1"),
    "f_hz": (-3, "Hz"),
    "u_*_v": (-2, "V"),
    "i_*_a": (-3, "A"),
    "i_n_a": (-3, "A"),
    "p_*_w": (-1, "W"),
    "q_*_var": (-1, "var"),
    "s_*_va": (-1, "VA"),
    "ea_imp_wh": (0, "Wh"),
    "ea_exp_wh": (0, "Wh"),
    "er_imp_varh": (0, "varh"),
    "er_exp_varh": (0, "varh"),
}


class ProfileError(ValueError):
    """A profile that cannot be used; the text names file, entry and what to do."""


def load(name, ct=(1, 1), vt=(1, 1), places=None):
    """The plan of ``profiles/<name>.json`` beside the firmware's modules; ProfileError when there is none or it is wrong."""
    try:
        with _open(name, sys.path if places is None else places) as file:
            doc = json.load(file)
    except ValueError as error:
        raise ProfileError("%s.json: is no JSON (%s); correct the file" % (name, error))
    return compile_profile(name, doc, ct, vt)


def compile_profile(name, doc, ct=(1, 1), vt=(1, 1)):
    """The plan of a parsed profile; ``ct`` and ``vt`` are [primary, secondary] and used where the meter's values are secondary."""
    check(name, doc)
    ratios = (ct, vt) if doc["values"] == "secondary" else ((1, 1), (1, 1))
    ranges = []
    for key, low, high in doc["probe"].get("range", ()):
        unit = 10 ** -field(key)[0]
        ranges.append((key, low * unit, high * unit))
    return Plan(name, _requests(doc, ratios), doc["word_order"] == "little", ranges, doc["probe"].get("sum"))


def _open(name, places):
    for place in places:
        try:
            return open("%s/profiles/%s.json" % (place or ".", name))
        except OSError:
            pass
    raise ProfileError("there is no profiles/%s.json in %s; use one of the profiles there" % (name, places))


def check(name, doc):
    """Raise ProfileError for the first thing wrong in a parsed profile."""

    def refuse(what):
        raise ProfileError("%s.json: %s" % (name, what))

    if not isinstance(doc, dict) or doc.get("format") != FORMAT:
        refuse('member format must be "%s"' % FORMAT)
    for member in _MEMBERS:
        if member not in doc:
            refuse("member %s is missing; see another profile for its form" % member)
    for member in doc:
        if member not in _MEMBERS:
            refuse("there is no member %s; remove it or correct its name" % member)
    for member, allowed in (("function", (3, 4)), ("word_order", ("big", "little")), ("values", ("primary", "secondary"))):
        if doc[member] not in allowed:
            refuse("%s is %r; allowed are %s" % (member, doc[member], allowed))
    if not 4 <= doc["max_count"] <= _MOST or not 0 <= doc["max_gap"] < _MOST:
        refuse("max_count lies between 4 and %d, max_gap between 0 and %d" % (_MOST, _MOST - 1))
    keys = set()
    for number, row in enumerate(doc["registers"]):
        fault = _row_fault(row) or ("key %s is there twice" % row["key"] if row["key"] in keys else None)
        if fault:
            refuse("registers[%d]: %s" % (number, fault))
        keys.add(row["key"])
    _check_probe(doc["probe"], keys, refuse)


def field(key):
    """``(exponent, unit)`` of a key, or None: phases share a row, ``p_l2_w`` is ``p_*_w``."""
    for phase in ("_l1_", "_l2_", "_l3_"):
        key = key.replace(phase, "_*_")
    return FIELDS.get(key)


def _row_fault(row):
    for member in ("address", "type", "unit", "key", "name"):
        if not isinstance(row.get(member), str):
            return "member %s is missing or no text" % member
    if row["type"] not in TYPES:
        return "type %s is unknown; known are %s" % (row["type"], ", ".join(sorted(TYPES)))
    if field(row["key"]) is None:
        return "key %s is not a field that a meter can give" % row["key"]
    base = field(row["key"])[1]
    if row["unit"] not in UNITS or row["unit"] not in [prefix + base for prefix in ("", "m", "k", "M")]:
        return "unit %s does not fit %s (%s)" % (row["unit"], row["key"], base)
    try:
        address = int(row["address"], 16)
    except ValueError:
        address = -1
    if not 0 <= address <= 0xFFFF:
        return "address %s is not between 0x0000 and 0xFFFF" % row["address"]
    return None


def _check_probe(probe, keys, refuse):
    if not probe.get("range") and not probe.get("sum"):
        refuse("probe needs a range or a sum: without one a wrong meter would be believed")
    used = [row[0] for row in probe.get("range", ())]
    if "sum" in probe:
        used += [probe["sum"][0]] + probe["sum"][1]
    for key in used:
        if key not in keys:
            refuse("probe names %s, which no register gives" % key)


def _requests(doc, ratios):
    """Neighbouring registers merged into as few requests as max_count and max_gap allow."""
    absent = {kind: int(value, 16) for kind, value in doc["absent"].items()}
    rows = sorted((int(row["address"], 16), TYPES[row["type"]], number) for number, row in enumerate(doc["registers"]))
    requests = []
    for address, count, number in rows:
        row = doc["registers"][number]
        last = requests[-1] if requests else None
        if last is None or address > last[1] + last[2] + doc["max_gap"] or address + count - last[1] > doc["max_count"]:
            last = [doc["function"], address, 0, []]
            requests.append(last)
        last[2] = max(last[2], address + count - last[1])
        num, den = _ratio(row, ratios)
        last[3].append((row["key"], 2 * (address - last[1]), count, row["type"][0], num, den, absent.get(row["type"])))
    return [tuple(request) for request in requests]


def _ratio(row, ratios):
    """The factor from the register's step to the field's step, as a fraction."""
    exponent, unit = field(row["key"])
    power = row.get("scale", 0) + UNITS[row["unit"]] - exponent
    num, den = (10**power, 1) if power >= 0 else (1, 10**-power)
    ct, vt = ratios
    if unit in ("A", "W", "var", "VA") or is_register(row["key"]):
        num, den = num * ct[0], den * ct[1]
    if unit in ("V", "W", "var", "VA") or is_register(row["key"]):
        num, den = num * vt[0], den * vt[1]
    return num, den
