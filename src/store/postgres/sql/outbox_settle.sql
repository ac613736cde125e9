-- Doubt about an earlier attempt (unclear) stays where the outcome says nothing of it. What attempts left goes with the last of them.
UPDATE outbox o SET state = n.state, attempts = o.attempts + 1, unclear = coalesce(n.unclear, o.unclear), settled = n.settled,
  remembered = CASE n.state WHEN 'sent' THEN NULL ELSE o.remembered END
FROM unnest($1::bigint[], $2::text[], $3::boolean[], $4::bigint[]) AS n(nr, state, unclear, settled) WHERE o.nr = n.nr
