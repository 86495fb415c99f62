-- The state of one agent. Version 2; later versions are steps in migrate.py, and this file is what a new store gets.
--
-- Every row that carries a body carries crc = CRC-32 over its other columns (codec.py), verified when it is read.
-- Bodies are JSON (msgspec). Times are timeline milliseconds.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    crc   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per incident. body is NULL where the row was unreadable and went to quarantine.
CREATE TABLE incidents (
    id          TEXT PRIMARY KEY,
    key         TEXT NOT NULL,
    episode     INTEGER NOT NULL,
    state       TEXT NOT NULL,
    changed_at  INTEGER NOT NULL,
    resolved_at INTEGER,
    body        BLOB,
    crc         INTEGER NOT NULL
) STRICT;
CREATE INDEX incidents_by_key ON incidents (key, episode);
CREATE INDEX incidents_by_state ON incidents (state, changed_at);
CREATE INDEX incidents_resolved ON incidents (resolved_at) WHERE resolved_at IS NOT NULL;

-- The highest episode of each fault key. It outlives the incident, so that no number is used twice.
CREATE TABLE episodes (
    key     TEXT PRIMARY KEY,
    episode INTEGER NOT NULL,
    crc     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One live row per incident and backend. finished = 1 once the resolve was delivered.
CREATE TABLE outbox (
    incident TEXT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    backend  TEXT NOT NULL,
    revision INTEGER NOT NULL,
    finished INTEGER NOT NULL,
    body     BLOB NOT NULL,
    crc      INTEGER NOT NULL,
    PRIMARY KEY (incident, backend)
) STRICT;
CREATE INDEX outbox_unfinished ON outbox (incident) WHERE finished = 0;

-- Snapshot rows of the rule engine: opaque blobs by key.
CREATE TABLE alert_states (
    key  TEXT PRIMARY KEY,
    body BLOB NOT NULL,
    crc  INTEGER NOT NULL
) STRICT;

-- Append-only, hash-chained: hash = SHA-256 (previous hash, incident, at, body). Retention empties bodies, keeps hashes,
-- and deletes only the oldest lines of the chain; the hash before the oldest kept line is in meta.
CREATE TABLE timeline (
    seq      INTEGER PRIMARY KEY,
    incident TEXT NOT NULL,
    at       INTEGER NOT NULL,
    body     BLOB,
    hash     BLOB NOT NULL
) STRICT;
CREATE INDEX timeline_by_incident ON timeline (incident, seq);

-- What each CI was used for on each day; the oldest days go when newer ones come.
CREATE TABLE days (
    ci   TEXT NOT NULL,
    day  TEXT NOT NULL,
    body BLOB NOT NULL,
    crc  INTEGER NOT NULL,
    PRIMARY KEY (ci, day)
) STRICT, WITHOUT ROWID;

-- Rows that did not verify, as they were read.
CREATE TABLE quarantine (
    id         INTEGER PRIMARY KEY,
    table_name TEXT NOT NULL,
    row_key    TEXT NOT NULL,
    at         INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    body       BLOB
) STRICT;
