-- Where nothing was ever written there is no row to hold: it is made, with the version that a missing one stands for.
INSERT INTO guard (key, version) SELECT k, 0 FROM unnest($1::bytea[]) AS k ORDER BY k ON CONFLICT (key) DO NOTHING
