-- Lanes whose rows leave only after this one.
SELECT DISTINCT lane FROM outbox WHERE after = ?1 AND state <> 'sent'
