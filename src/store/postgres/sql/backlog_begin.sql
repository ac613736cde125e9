INSERT INTO backlog (connection, partner, looked)
SELECT n.place, n.partner, $3 FROM unnest($1::text[], $2::text[]) AS n(place, partner)
ON CONFLICT (connection, partner) DO NOTHING
