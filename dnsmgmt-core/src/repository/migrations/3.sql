-- Leases: what a clean-up saw of them, and what a host registered; and of which trouble somebody was told.

-- Every heartbeat of a lease as it was seen last; a row without one where the lease is to have one and has none.
CREATE TABLE dns_leases (
    provider        TEXT NOT NULL,
    zone            TEXT NOT NULL,
    name            TEXT NOT NULL,
    address         TEXT NOT NULL,
    type            TEXT NOT NULL DEFAULT '',
    heartbeat       TEXT NOT NULL DEFAULT '',
    observed_ms     INTEGER NOT NULL,
    was_kept        INTEGER NOT NULL,
    first_seen      TEXT NOT NULL,
    PRIMARY KEY (provider, zone, name, address, type, heartbeat)
) STRICT, WITHOUT ROWID;

-- What the instances of this database keep alive.
CREATE TABLE dns_registrations (
    instance        TEXT NOT NULL,
    provider        TEXT NOT NULL,
    zone            TEXT NOT NULL,
    name            TEXT NOT NULL,
    address         TEXT NOT NULL,
    registered_at   TEXT NOT NULL,
    PRIMARY KEY (instance, provider, zone, name, address)
) STRICT, WITHOUT ROWID;

-- When each of them last wrote its heartbeats, and what it wanted then.
CREATE TABLE dns_refreshes (
    instance        TEXT PRIMARY KEY,
    wanted          TEXT NOT NULL,
    is_verified     INTEGER NOT NULL,
    is_well         INTEGER NOT NULL DEFAULT 1,
    boot_id         TEXT NOT NULL,
    running_ms      INTEGER NOT NULL,
    refreshed_at    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Of which trouble somebody was told, until it is over.
CREATE TABLE dns_notices (
    about           TEXT PRIMARY KEY,
    trouble         TEXT NOT NULL,
    observed_ms     INTEGER NOT NULL,
    told_at         TEXT NOT NULL
) STRICT, WITHOUT ROWID;
