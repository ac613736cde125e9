INSERT INTO raeumung (was, grenze, key, nr, fertig) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (was) DO UPDATE SET grenze = excluded.grenze, key = excluded.key, nr = excluded.nr, fertig = excluded.fertig
