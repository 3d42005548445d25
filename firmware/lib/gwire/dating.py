"""Dating a record that was made before the clock was set, from a later record of the same boot. Not needed on the board."""


def derived_ts(record: dict, reference: dict) -> int:
    """``ts`` (UTC ms) of ``record`` by ``reference``, which has a time. Both carry ``up``, the ms since boot at which they were made.

    A data record is made at the end of its interval and carries the start as ``ts``; any other carries the moment itself.
    """
    made = int(reference["ts"]) + _length(reference)
    return made - (int(reference["up"]) - int(record["up"])) - _length(record)


def _length(record: dict) -> int:
    return int(record["dur"]) if record.get("t") == "data" else 0
