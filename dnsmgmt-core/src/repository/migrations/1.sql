-- The first schema. A migration is never changed once it has been released: what comes later is a file of its own.

-- What this database is: its owner id.
CREATE TABLE IF NOT EXISTS dns_settings (
    key             TEXT PRIMARY KEY,
    value           TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- When a provider's zone was last listed completely. An empty zone can be fresh, so this is not told from its rows.
CREATE TABLE IF NOT EXISTS dns_freshness (
    provider        TEXT NOT NULL,
    zone            TEXT NOT NULL,
    refreshed_at    TEXT,
    generation      INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (provider, zone)
) STRICT, WITHOUT ROWID;

-- The provider cache: all records of each provider.
CREATE TABLE IF NOT EXISTS dns_records (
    id              INTEGER PRIMARY KEY,
    provider        TEXT NOT NULL,
    zone            TEXT NOT NULL,
    record_id       TEXT,
    other_ids       TEXT,
    type            TEXT NOT NULL,
    name            TEXT NOT NULL,
    content         TEXT NOT NULL,
    ttl             INTEGER,
    proxied         INTEGER,
    enabled         INTEGER,
    comment         TEXT,
    is_orphaned     INTEGER NOT NULL DEFAULT 0,
    orphaned_at     TEXT,
    tracked_at      TEXT,
    updated_at      TEXT,
    fingerprint     TEXT,
    last_refreshed  TEXT,
    generation      INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS dns_records_key ON dns_records (provider, zone, name, type, content);

-- The part of the provider cache that is no records.
CREATE TABLE IF NOT EXISTS dns_opaque_entries (
    id              INTEGER PRIMARY KEY,
    provider        TEXT NOT NULL,
    zone            TEXT NOT NULL,
    name            TEXT,
    type            TEXT,
    text            TEXT NOT NULL,
    why             TEXT NOT NULL,
    generation      INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX IF NOT EXISTS dns_opaque_entries_name ON dns_opaque_entries (provider, zone, name);

-- The managed records: what we created or adopted, and what we only know.
CREATE TABLE IF NOT EXISTS dns_tracked_records (
    id              INTEGER PRIMARY KEY,
    provider        TEXT NOT NULL,
    zone            TEXT NOT NULL,
    record_id       TEXT,
    other_ids       TEXT,
    type            TEXT NOT NULL,
    name            TEXT NOT NULL,
    content         TEXT NOT NULL,
    ttl             INTEGER,
    proxied         INTEGER,
    enabled         INTEGER,
    comment         TEXT,
    app_managed     INTEGER NOT NULL DEFAULT 0,
    is_orphaned     INTEGER NOT NULL DEFAULT 0,
    orphan_reason   TEXT,
    orphaned_at     TEXT,
    tracked_at      TEXT,
    updated_at      TEXT,
    first_seen      TEXT,
    metadata        TEXT NOT NULL DEFAULT '{}'
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS dns_tracked_records_key
    ON dns_tracked_records (provider, zone, name, type, content);
CREATE INDEX IF NOT EXISTS dns_tracked_records_orphans
    ON dns_tracked_records (provider, zone, orphaned_at) WHERE is_orphaned = 1;

-- Every origin that wants a managed record.
CREATE TABLE IF NOT EXISTS dns_origins (
    tracked_id      INTEGER NOT NULL REFERENCES dns_tracked_records (id) ON DELETE CASCADE,
    origin          TEXT NOT NULL,
    PRIMARY KEY (tracked_id, origin)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS dns_origins_origin ON dns_origins (origin);

-- The cache shows of each record what is tracked about it.
CREATE TRIGGER IF NOT EXISTS dns_tracked_records_inserted AFTER INSERT ON dns_tracked_records BEGIN
    UPDATE dns_records
    SET is_orphaned = NEW.is_orphaned, orphaned_at = NEW.orphaned_at, tracked_at = NEW.tracked_at
    WHERE provider = NEW.provider AND zone = NEW.zone AND name = NEW.name AND type = NEW.type
        AND content = NEW.content;
END;

CREATE TRIGGER IF NOT EXISTS dns_tracked_records_updated
AFTER UPDATE OF is_orphaned, orphaned_at, tracked_at ON dns_tracked_records BEGIN
    UPDATE dns_records
    SET is_orphaned = NEW.is_orphaned, orphaned_at = NEW.orphaned_at, tracked_at = NEW.tracked_at
    WHERE provider = NEW.provider AND zone = NEW.zone AND name = NEW.name AND type = NEW.type
        AND content = NEW.content;
END;

CREATE TRIGGER IF NOT EXISTS dns_tracked_records_deleted AFTER DELETE ON dns_tracked_records BEGIN
    UPDATE dns_records
    SET is_orphaned = 0, orphaned_at = NULL, tracked_at = NULL
    WHERE provider = OLD.provider AND zone = OLD.zone AND name = OLD.name AND type = OLD.type
        AND content = OLD.content;
END;

-- The journal: an intent is written before a change is asked for, its outcome after it was verified.
CREATE TABLE IF NOT EXISTS dns_changes (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id          TEXT NOT NULL,
    provider        TEXT NOT NULL,
    zone            TEXT NOT NULL,
    action          TEXT NOT NULL,
    name            TEXT NOT NULL,
    type            TEXT NOT NULL,
    content         TEXT NOT NULL,
    claim           TEXT NOT NULL,
    reason          TEXT NOT NULL,
    before          TEXT,
    after           TEXT,
    intended_at     TEXT NOT NULL,
    settled_at      TEXT,
    fate            TEXT
) STRICT;

CREATE INDEX IF NOT EXISTS dns_changes_run ON dns_changes (run_id);
CREATE INDEX IF NOT EXISTS dns_changes_name ON dns_changes (name);
CREATE INDEX IF NOT EXISTS dns_changes_unsettled ON dns_changes (provider, zone) WHERE settled_at IS NULL;

-- What containers use.
CREATE TABLE IF NOT EXISTS resource_usages (
    id              INTEGER PRIMARY KEY,
    container_id    TEXT NOT NULL,
    container_name  TEXT,
    sampled_at      TEXT NOT NULL,
    cpu_usage       REAL,
    memory_usage    INTEGER,
    memory_limit    INTEGER
) STRICT;

CREATE INDEX IF NOT EXISTS resource_usages_container ON resource_usages (container_id, sampled_at);
