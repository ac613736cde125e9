INSERT INTO lieferung (partner, moment, uuid, delta, stempel) VALUES (?1, ?2, ?3, ?4, ?5)
-- A message that waited is noted already; what it does to the mirror is new.
ON CONFLICT (partner, moment, uuid) DO UPDATE SET delta = delta + excluded.delta
