-- Marks that were confirmed: what is deleted was unwanted at two looks at its sources, a whole grace apart; and which daemons there are.

-- For how long the zone had been observed when a look at the sources last found that nobody wants the record. Marks from before there was this
-- column are not confirmed yet.
ALTER TABLE dns_tracked_records ADD COLUMN orphan_confirmed_ms INTEGER;

-- Which daemons answered where; of an address the one with the largest number was the last. Daemons can share an id, and what was learned at
-- an address that cannot be read is not judged by another one.
CREATE TABLE dns_daemons (
    id              INTEGER PRIMARY KEY,
    address         TEXT NOT NULL,
    origin          TEXT NOT NULL,
    seen_at         TEXT NOT NULL,
    UNIQUE (address, origin)
) STRICT;

-- Daemons that a person said are gone for good.
CREATE TABLE dns_disowned (
    origin          TEXT PRIMARY KEY,
    said_at         TEXT NOT NULL
) STRICT, WITHOUT ROWID;
