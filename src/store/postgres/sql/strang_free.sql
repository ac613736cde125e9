-- A strand that nobody writes now, held until the end of the transaction.
SELECT nr, glied, chain FROM strang ORDER BY nr LIMIT 1 FOR UPDATE SKIP LOCKED
