-- Of what lies there and nobody knows since when: since the look before, at which it lay there or came later.
INSERT INTO backlog AS b (connection, partner, since, looked, emptied)
SELECT $1, n.partner, CASE WHEN $5::boolean THEN NULL ELSE coalesce($3::bigint, $4::bigint) END, $4::bigint,
  CASE WHEN $5::boolean THEN $4::bigint END
FROM unnest($2::text[]) AS n(partner)
ON CONFLICT (connection, partner) DO UPDATE SET looked = excluded.looked, emptied = coalesce(excluded.emptied, b.emptied),
  since = CASE WHEN $5::boolean THEN NULL ELSE coalesce($3::bigint, b.since, b.looked) END
