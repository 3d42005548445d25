"""The metering points that a configuration names.

An entry has ``pt`` and ``source``. ``samples``: the board's own converter. ``modbus``: ``host``, ``port``, ``unit``, ``profile``,
``period_s``; for meters with secondary values also ``ct`` and ``vt``, each [primary, secondary]; maybe ``timeout_ms``.
"""

import gc
import sys


def open_points(board, config):
    """A list of points, each with ``pt``, ``registers()``, ``restore(totals)`` and ``async run(emit)``.

    ``emit(pt, ts_ms, dur_ms, g, q, m)`` is called for every complete interval. `run` returns after the source's orderly end, once the
    last, partial interval is out. ValueError names an entry that cannot be used.
    """
    entries = config["points"]
    plans = [_plan(entry) for entry in entries]  # before points take their buffers: reading a profile needs room for a while
    _forget_profiles()
    points = [_open(board, entry, plan, config["interval_s"]) for entry, plan in zip(entries, plans)]
    if points and not any(entry["source"] == "samples" for entry in entries):
        points[0].keep_time = True  # a board without a converter of its own still takes its time from the port
    gc.collect()
    return points


def _plan(entry):
    source = entry.get("source")
    if source == "samples":
        return None
    if source == "modbus":
        from .profile import load

        return load(entry["profile"], entry.get("ct", (1, 1)), entry.get("vt", (1, 1)))
    raise ValueError("config.json: point %r has source %r; known are samples and modbus" % (entry.get("pt"), source))


def _open(board, entry, plan, interval_s):
    if plan is None:
        from .sample_point import SamplePoint

        return SamplePoint(board, entry["pt"], interval_s)
    from .meter_point import MeterPoint

    return MeterPoint(board, entry, plan, interval_s)


def _forget_profiles():
    """Reading profiles is done: the memory of the module that does it goes back."""
    if sys.modules.pop("meters.profile", None):
        del sys.modules["meters"].profile
    gc.collect()
