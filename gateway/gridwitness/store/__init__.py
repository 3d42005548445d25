"""The store of record (SQLite): raw payloads, decoded intervals, findings."""
