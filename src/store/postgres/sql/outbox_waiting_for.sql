-- Lanes whose rows leave only after these.
SELECT DISTINCT lane FROM outbox WHERE after = ANY($1::uuid[]) AND state <> 'sent'
