-- The last word counts.
INSERT INTO pause (kind, name, until, since, sealed) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (kind, name) DO UPDATE SET until = excluded.until, since = excluded.since, sealed = excluded.sealed
