-- Marks that were confirmed: what is deleted was unwanted at two looks at its sources, a whole grace apart.

-- For how long the zone had been observed when a look at the sources last found that nobody wants the record. Marks from before there was this
-- column are not confirmed yet.
ALTER TABLE dns_tracked_records ADD COLUMN orphan_confirmed_ms INTEGER;
