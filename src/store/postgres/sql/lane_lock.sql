-- Lanes by number, and those whose rows leave only after these rows ($2), held until the end of the transaction, in one order for all
-- processes. IS DISTINCT FROM, because `<> 'sent'` would let the server read all open rows instead, with those that have left since.
SELECT nr, fence FROM lane
WHERE nr = ANY($1::bigint[] || ARRAY(
  SELECT o.lane FROM outbox o WHERE o.after = ANY($2::uuid[]) AND o.state IS DISTINCT FROM 'sent'))
ORDER BY nr FOR UPDATE
