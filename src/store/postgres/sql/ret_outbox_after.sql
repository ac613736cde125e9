-- What leaves only after these rows and has not left: it never will.
SELECT o.nr, o.id, o.lane FROM outbox o WHERE o.after = ANY($1::uuid[]) AND o.state IS DISTINCT FROM 'sent'
