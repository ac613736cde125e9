INSERT INTO backlog (connection, partner, since, looked)
SELECT $1, n.partner, n.since, $4 FROM unnest($2::text[], $3::bigint[]) AS n(partner, since)
ON CONFLICT (connection, partner) DO UPDATE SET since = excluded.since, looked = excluded.looked
