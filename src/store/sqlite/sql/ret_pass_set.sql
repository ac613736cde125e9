INSERT INTO raeumung (was, grenze, key, fertig) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (was) DO UPDATE SET grenze = excluded.grenze, key = excluded.key, fertig = excluded.fertig
