-- Bumps, in one order for all processes; says the version reached, which is one more than the one decided on or the
-- transaction is done again. From here on nobody else writes under these keys.
INSERT INTO guard AS g (key, version) SELECT k, 1 FROM unnest($1::bytea[]) AS k ORDER BY k
ON CONFLICT (key) DO UPDATE SET version = g.version + 1
RETURNING key, version
