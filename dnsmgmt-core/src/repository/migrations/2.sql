-- Claims by their names, observed running time, and what else makes a run safe to repeat.

-- Why a record is ours. What was ours before there was this column was created by us.
ALTER TABLE dns_tracked_records ADD COLUMN claim TEXT;
UPDATE dns_tracked_records SET claim = 'created' WHERE app_managed = 1;

-- For how long the zone had been observed when the record was marked as an orphan.
ALTER TABLE dns_tracked_records ADD COLUMN orphaned_observed_ms INTEGER;

CREATE INDEX dns_tracked_records_ours
    ON dns_tracked_records (provider, zone, name, type, content) WHERE app_managed = 1;

-- The last look of each job at each zone: graces count observed running time, never the difference of wall clocks.
CREATE TABLE dns_looks (
    provider        TEXT NOT NULL,
    zone            TEXT NOT NULL,
    job             TEXT NOT NULL,
    boot_id         TEXT NOT NULL,
    running_ms      INTEGER NOT NULL,
    observed_ms     INTEGER NOT NULL,
    gap_ms          INTEGER,
    looked_at       TEXT NOT NULL,
    PRIMARY KEY (provider, zone, job)
) STRICT, WITHOUT ROWID;

-- Who wanted what a change makes or removes.
ALTER TABLE dns_changes ADD COLUMN origins TEXT NOT NULL DEFAULT '[]';

CREATE INDEX dns_changes_settled ON dns_changes (settled_at) WHERE settled_at IS NOT NULL;

-- Which change was the last when the cache was replaced: what was asked to go since then may be missing in the next listing.
ALTER TABLE dns_freshness ADD COLUMN change_id INTEGER NOT NULL DEFAULT 0;

-- The run whose listing lacked the row and was not believed.
ALTER TABLE dns_records ADD COLUMN missing_run TEXT;

-- The deletions of plans that the brake held back, one plan for each zone.
CREATE TABLE dns_held_plans (
    plan_id         TEXT NOT NULL,
    provider        TEXT NOT NULL,
    zone            TEXT NOT NULL,
    name            TEXT NOT NULL,
    type            TEXT NOT NULL,
    content         TEXT NOT NULL,
    reason          TEXT NOT NULL,
    held_at         TEXT NOT NULL,
    PRIMARY KEY (provider, zone, name, type, content)
) STRICT, WITHOUT ROWID;

CREATE INDEX dns_held_plans_plan ON dns_held_plans (plan_id);

-- Which server or file held each zone when it was last trusted to.
CREATE TABLE dns_endpoints (
    provider        TEXT NOT NULL,
    zone            TEXT NOT NULL,
    endpoint        TEXT NOT NULL,
    trusted_at      TEXT NOT NULL,
    PRIMARY KEY (provider, zone)
) STRICT, WITHOUT ROWID;
