-- Lanes whose rows leave only after these. IS DISTINCT FROM, because `<> 'sent'` would let the server read all open rows instead, with
-- those that have left since.
SELECT DISTINCT lane FROM outbox WHERE after = ANY($1::uuid[]) AND state IS DISTINCT FROM 'sent'
