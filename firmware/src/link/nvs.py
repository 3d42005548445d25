"""The few values that must survive everything, in two generations with a hash: a torn write costs the newest value, never all.

``nvs.json`` is the newest generation, ``nvs.old`` the one before, ``nvs.new`` one that is being written. Each holds one JSON line and the
SHA-256 of that line. At start the highest intact generation counts.

Values: ``boot`` counter · ``n`` of the last authentic message of the gateway · ``acked`` [boot, seq] · ``seal`` [boot, seq, sha256] and
``reg`` energy registers at the last seal · ``lost`` records not yet declared · ``cp`` [size, root] · ``checkpoint_key`` · ``site``.
"""

import json
import os

from gwire.envelope import sha256_hex


class Nvs:
    """Values by name. ``set`` returns once they are durable."""

    def __init__(self, folder, sync=None):
        self._path = folder + "/nvs"
        self._sync = sync
        self._values = {}
        self._generation = 0
        for suffix in (".json", ".old"):
            self._load(self._path + suffix)
        if self._load(self._path + ".new"):
            self._publish()  # a cut came between write and rename; writing over the only newest copy would risk it

    def _load(self, path):
        """Take a file's values if it is intact and newer than what is loaded; whether it was."""
        try:
            with open(path, "rb") as file:
                line, digest = file.read().split(b"\n")[:2]
            if sha256_hex(line).encode() != digest:
                return False
            generation, values = json.loads(line)
        except (OSError, ValueError):
            return False  # missing or torn: another generation is whole
        if generation <= self._generation:
            return False
        self._generation = generation
        self._values = values
        return True

    def get(self, name, default=None):
        """The value, or ``default``."""
        return self._values.get(name, default)

    def set(self, **values):
        """Change values, all of them or none."""
        if all(name in self._values and self._values[name] == value for name, value in values.items()):
            return
        self._values.update(values)
        self._generation += 1
        line = json.dumps([self._generation, self._values]).encode()
        with open(self._path + ".new", "wb") as file:
            file.write(line + b"\n" + sha256_hex(line).encode() + b"\n")
            if self._sync:
                self._sync(file)
        self._publish()

    def count_lost(self, records):
        """Add to the records that the next boot declares lost."""
        self.set(lost=self.get("lost", 0) + records)

    def _publish(self):
        try:
            os.rename(self._path + ".json", self._path + ".old")
        except OSError:
            pass  # the first generation
        os.rename(self._path + ".new", self._path + ".json")
