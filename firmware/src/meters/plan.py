"""What a point keeps of its meter's profile: requests, and how to read their answers."""

from .decode import scaled, words


class Plan:
    """``requests``: list of ``(function, address, count, fields)``; a field is ``(key, byte offset, words, kind, num, den, absent)``.

    ``ranges``: ``(key, lowest, highest)`` on the wire; ``total``: ``(key, parts, percent)`` or None. Both must hold before a value of
    the meter is believed.
    """

    def __init__(self, name, requests, low_first, ranges, total):
        self.name = name
        self.requests = requests
        self._low_first = low_first
        self._ranges = ranges
        self._total = total

    def decode(self, request, data):
        """Values of one answer: field key to integer; what the meter says is not available is left out."""
        values = {}
        for key, at, count, kind, num, den, absent in request[3]:
            raw = words(data, at, count, self._low_first)
            value = None if raw == absent else scaled(raw, count, kind, num, den)
            if value is not None:
                values[key] = value
        return values

    def doubt(self, values):
        """Why a complete poll cannot come from this model, or None."""
        for key, low, high in self._ranges:
            if key not in values or not low <= values[key] <= high:
                return "%s is %s, not between %d and %d" % (key, values.get(key), low, high)
        return self._sum_doubt(values) if self._total else None

    def _sum_doubt(self, values):
        total, parts, percent = self._total
        known = [values[key] for key in parts if key in values]
        if total not in values or len(known) < len(parts):
            return None
        allowed = percent * sum([abs(value) for value in known]) // 100 + 10  # ten steps for rounding
        if abs(values[total] - sum(known)) > allowed:
            return "%s is %d, but its parts sum up to %d" % (total, values[total], sum(known))
        return None
