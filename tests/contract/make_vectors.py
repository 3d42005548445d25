"""Writes vectors/records.json and vectors/merkle.json from an independent description (hashlib, hmac and json of CPython).

Run it by hand when the contract grows; the committed vectors are what the tests hold every interpreter to.
"""

import hashlib
import hmac
import json
from pathlib import Path

HERE = Path(__file__).parent / "vectors"
KEY = bytes(range(32))
ZERO = "0" * 64


def head(t: str, boot: int, seq: int, ts: int | None, up: int, cq: int, prev: str) -> list:
    return [["v", 1], ["t", t], ["dev", "gw-0001"], ["boot", boot], ["seq", seq], ["ts", ts], ["up", up], ["cq", cq], ["prev", prev]]


def body(pairs: list) -> bytes:
    return ("{" + ",".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in pairs)).encode()


def mac_payload(pairs: list) -> bytes:
    raw = body(pairs)
    return raw + b',"mac":"' + hmac.new(KEY, raw, hashlib.sha256).hexdigest()[:32].encode() + b'"}'


def records() -> list:
    boot = head("boot", 7, 0, None, 12, 0, ZERO) + [
        ["cause", "power_on"],
        ["fw", "0.1.0"],
        ["fw_date", 1795219200000],
        ["cfg", hashlib.sha256(b"cfg").hexdigest()],
        ["cal", hashlib.sha256(b"cal").hexdigest()],
        ["last", None],
        ["seal", None],
        ["lost", 0],
    ]
    out, prev = [], ZERO
    rows = [boot]
    for seq, p in ((1, 24000123), (2, -1), (3, 123456789)):
        rows.append(
            head("data", 7, seq, 1796054400000 + 60000 * seq, 60000 * seq, 2, "")
            + [["pt", "m-g1"], ["dur", 60000], ["g", "power"], ["q", 0], ["m", {"p_w": p}]]
        )
    rows.append(head("event", 7, 4, 1796054700123, 240123, 3, "") + [["pt", None], ["k", "clock_step"], ["x", {"step_ms": -1500}]])
    rows.append(
        head("data", 7, 5, 1796054700000, 300000, 3, "")
        + [["pt", "m-g1"], ["dur", 60000], ["g", "power"], ["q", 5], ["m", {"ea_imp_wh": 9007199254740993}]]
    )
    for pairs in rows:
        pairs = [[k, prev if k == "prev" else v] for k, v in pairs]
        payload = mac_payload(pairs)
        prev = hashlib.sha256(payload).hexdigest()
        out.append({"pairs": pairs, "payload": payload.decode(), "sha256": prev})
    return out


def rfc6962(leaves: list[bytes]) -> bytes:
    """The recursive definition of RFC 6962, 2.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + rfc6962(leaves[:k]) + rfc6962(leaves[k:])).digest()


def main() -> None:
    HERE.mkdir(exist_ok=True)
    (HERE / "records.json").write_text(json.dumps({"key": KEY.hex(), "records": records()}, indent=1) + "\n")
    # the leaves of the Certificate Transparency reference tests, and longer runs
    certificate_transparency = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    trees = [
        {"leaves": certificate_transparency[:n], "root": rfc6962([bytes.fromhex(x) for x in certificate_transparency[:n]]).hex()}
        for n in range(9)
    ]
    many = [bytes([n]).hex() for n in range(33)]
    trees += [{"leaves": many[:n], "root": rfc6962([bytes.fromhex(x) for x in many[:n]]).hex()} for n in (15, 16, 17, 31, 32, 33)]
    (HERE / "merkle.json").write_text(json.dumps(trees, indent=1) + "\n")


if __name__ == "__main__":
    main()
