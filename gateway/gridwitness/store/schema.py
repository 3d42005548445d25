"""Tables of the store, as numbered migrations: number N brings ``PRAGMA user_version`` from N-1 to N, and is never edited.

Positions are (dev, boot, seq). Times are UTC ms; ``recv_ms`` is the gateway's clock. Hashes are 32-byte blobs.
Rows of `raw` and `interval` lie in key order without a rowid: a device's records are one range of the file.
"""

RECORDS = """
CREATE TABLE raw (              -- every record whose tag was right: the chain, byte for byte
  dev TEXT NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL,
  t TEXT NOT NULL,              -- record type
  ts_ms INTEGER,                -- the record's time, or derived from a later record; NULL while there is none to be trusted
  recv_ms INTEGER NOT NULL, sha BLOB NOT NULL, payload BLOB NOT NULL,
  PRIMARY KEY (dev, boot, seq)) WITHOUT ROWID;
CREATE INDEX raw_time ON raw (dev, ts_ms);
CREATE TABLE layout (           -- which fields the blobs of a group hold, in order
  g TEXT PRIMARY KEY, keys TEXT NOT NULL);
CREATE TABLE point (            -- which series exist
  dev TEXT NOT NULL, pt TEXT NOT NULL, g TEXT NOT NULL,
  PRIMARY KEY (dev, pt, g)) WITHOUT ROWID;
CREATE TABLE interval (
  dev TEXT NOT NULL, pt TEXT NOT NULL, g TEXT NOT NULL, ts_ms INTEGER NOT NULL,
  boot INTEGER NOT NULL, seq INTEGER NOT NULL, dur_ms INTEGER NOT NULL,
  q INTEGER NOT NULL, cq INTEGER NOT NULL, ts_derived INTEGER NOT NULL,
  vals BLOB NOT NULL,           -- int64 little-endian in the order of the layout; the smallest int64 means "absent"
  PRIMARY KEY (dev, pt, g, ts_ms, boot, seq)) WITHOUT ROWID;
CREATE TABLE event (
  dev TEXT NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL, ts_ms INTEGER NOT NULL, ts_derived INTEGER NOT NULL,
  pt TEXT, k TEXT NOT NULL, x TEXT NOT NULL,
  PRIMARY KEY (dev, boot, seq)) WITHOUT ROWID;
CREATE TABLE seal (
  dev TEXT NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL, ts_ms INTEGER,
  n INTEGER NOT NULL, first_boot INTEGER, first_seq INTEGER, lroot BLOB NOT NULL, why TEXT NOT NULL,
  PRIMARY KEY (dev, boot, seq)) WITHOUT ROWID;
CREATE TABLE quarantine (       -- what was refused, and why; the same bytes refused again count up `times`
  id INTEGER PRIMARY KEY, recv_ms INTEGER NOT NULL, dev TEXT NOT NULL, topic TEXT NOT NULL,
  code TEXT NOT NULL, reason TEXT NOT NULL, sha BLOB NOT NULL, payload BLOB NOT NULL, times INTEGER NOT NULL DEFAULT 1,
  UNIQUE (topic, code, sha));
CREATE TABLE conflict (         -- what contests the chain: equivocation, rollback, a broken link
  id INTEGER PRIMARY KEY, recv_ms INTEGER NOT NULL, dev TEXT NOT NULL, boot INTEGER NOT NULL, seq INTEGER NOT NULL,
  kind TEXT NOT NULL, reason TEXT NOT NULL, sha BLOB NOT NULL, payload BLOB NOT NULL,
  UNIQUE (dev, boot, seq, kind, sha));
CREATE TABLE cursor (           -- everything up to here is durable; ack_n is the last number reserved for an ack
  dev TEXT PRIMARY KEY, boot INTEGER, seq INTEGER, tip BLOB, ack_n INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE gap (              -- records strictly between the two positions never came
  dev TEXT NOT NULL, after_boot INTEGER, after_seq INTEGER, before_boot INTEGER NOT NULL, before_seq INTEGER NOT NULL,
  declared_ms INTEGER NOT NULL,
  PRIMARY KEY (dev, before_boot, before_seq)) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""

SITES = """
CREATE TABLE device (
  dev TEXT PRIMARY KEY, site TEXT NOT NULL, spki_sha256 TEXT NOT NULL, seal_key BLOB NOT NULL, claimed_ms INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX device_site ON device (site);
CREATE TABLE site (             -- history of registers: each row holds from from_ms until the next
  id TEXT NOT NULL, from_ms INTEGER NOT NULL, yaml TEXT NOT NULL,
  PRIMARY KEY (id, from_ms)) WITHOUT ROWID;
CREATE TABLE segment (          -- closed hourly raw segments
  dev TEXT NOT NULL, hour TEXT NOT NULL, part INTEGER NOT NULL, file TEXT NOT NULL, sha256 TEXT NOT NULL,
  lines INTEGER NOT NULL, lines_root TEXT NOT NULL,
  first_boot INTEGER NOT NULL, first_seq INTEGER NOT NULL, last_boot INTEGER NOT NULL, last_seq INTEGER NOT NULL,
  closed_ms INTEGER NOT NULL,
  PRIMARY KEY (dev, hour, part)) WITHOUT ROWID;
"""

FINDINGS = """
CREATE TABLE finding (
  id TEXT PRIMARY KEY, site TEXT NOT NULL, kind TEXT NOT NULL, subject_type TEXT NOT NULL, subject_id TEXT NOT NULL,
  status TEXT NOT NULL, detected_ms INTEGER NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER,
  doc TEXT NOT NULL, first_seen_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL);
CREATE INDEX finding_site ON finding (site, kind, subject_type, subject_id);
CREATE TABLE finding_history (  -- the document at each change of status
  id TEXT NOT NULL, seen_ms INTEGER NOT NULL, status TEXT NOT NULL, doc TEXT NOT NULL);
CREATE INDEX finding_history_id ON finding_history (id, seen_ms);
CREATE TABLE analysis (site TEXT PRIMARY KEY, to_ms INTEGER NOT NULL, doc TEXT NOT NULL) WITHOUT ROWID;
"""

MIGRATIONS = (RECORDS + SITES + FINDINGS,)
"""Index N brings the store from version N to N+1."""
