-- In one order for all processes.
INSERT INTO sender_clock (partner, seen, ahead)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS n(partner, seen, ahead) ORDER BY n.partner
ON CONFLICT (partner) DO UPDATE SET seen = excluded.seen, ahead = excluded.ahead
