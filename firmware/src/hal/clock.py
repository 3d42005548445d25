"""The board's clock, driven by whatever the port has for a time source."""

import asyncio

NONE = 0
RTC = 1
SNTP = 2
GATEWAY = 3


class Clock:
    """UTC and time since boot, in milliseconds. The port moves it with `advance`; it never goes back."""

    def __init__(self):
        self.quality = NONE
        self.held = 0
        self._utc_ms = None
        self._first_ms = None
        self._ticked = asyncio.Event()

    def utc_ms(self):
        """UTC, or None before the clock was set."""
        return self._utc_ms

    def up_ms(self):
        """Milliseconds since boot; 0 until the time source has spoken."""
        return 0 if self._utc_ms is None else self._utc_ms - self._first_ms

    def raise_to(self, quality):
        """The time is now known at least this well."""
        if quality > self.quality:
            self.quality = quality

    def advance(self, utc_ms):
        """The time source says that it is ``utc_ms``; earlier times than the clock's are not taken."""
        if self._utc_ms is None:
            self._first_ms = utc_ms
        elif utc_ms < self._utc_ms:
            return
        self._utc_ms = utc_ms
        self._ticked.set()
        self._ticked.clear()

    def hold(self):
        """Something that is due now has begun. A simulated clock waits for `let_go`; a real one takes no notice."""
        self.held += 1

    def let_go(self):
        """What `hold` announced is done."""
        self.held -= 1

    async def tick(self):
        """Wait until the clock moves on."""
        await self._ticked.wait()

    def release(self):
        """Wake everybody who waits for a time that will not come: the source has ended."""
        self._ticked.set()
