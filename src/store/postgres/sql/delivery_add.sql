-- In one order for all processes.
INSERT INTO lieferung AS l (partner, moment, uuid, delta, stempel)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[]) AS n(partner, moment, uuid, delta, stempel)
ORDER BY n.partner, n.moment, n.uuid
-- A message that waited is noted already; what it does to the mirror is new.
ON CONFLICT (partner, moment, uuid) DO UPDATE SET delta = l.delta + excluded.delta
