"""The board: boots, then measures, sends and seals until the power goes, or the twin says that the scenario ends.

import main; main.run()
"""

import asyncio
import gc

import hal
from link.modules import borrow, give_back

_PATIENCE_MS = 20_000
_BEAT_MS = 50
_GC_BYTES = 16_384
"""Collect after so many new bytes, not only when the heap is full: long stretches stay free."""


def run():
    """Run until the orderly end. An error ends the program and so the board: the watchdog or the supervisor starts it again."""
    gc.threshold(_GC_BYTES)
    parts = borrow("boot").start(hal.open(), _pause)
    give_back("boot", "link.recovery")
    gc.collect()
    asyncio.run(_work(parts))


async def _work(parts):
    """Seal the boot, then run all parts until all points have ended."""

    def emit(point, ts_ms, duration_ms, group, quality, fields):
        gc.collect()  # a record needs the longest stretches of all
        members = (("pt", point), ("dur", duration_ms), ("g", group), ("q", quality), ("m", fields))
        parts.chain.add("data", ts_ms, members)

    await parts.sealer.seal("boot")
    measuring = asyncio.create_task(asyncio.gather(*[point.run(emit) for point in parts.points]))
    sending, beating = asyncio.create_task(parts.uplink.run()), asyncio.create_task(_beat(parts, measuring))
    while not measuring.done():
        for task in (sending, beating):
            if task.done():
                await task  # raises what ended it: a board does not go on with half of its parts
        await asyncio.sleep_ms(_BEAT_MS)
    await measuring
    await beating  # a seal under way is made to its end
    await parts.sealer.seal("shutdown")
    await parts.uplink.finish(_PATIENCE_MS)
    await sending


async def _beat(parts, measuring):
    while not measuring.done():
        await parts.sealer.seal_if_due()
        await parts.inbox.work(_verify)
        await asyncio.sleep_ms(_BEAT_MS)


async def _verify(public, digest, signature):
    try:
        return await borrow("core.p256").verify(public, digest, signature, _pause)
    finally:
        give_back("core.p256")


def _pause():
    return asyncio.sleep_ms(0)
