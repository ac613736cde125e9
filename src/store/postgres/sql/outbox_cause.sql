-- By which message a row was sent.
SELECT o.cause FROM outbox o WHERE o.nr = ANY (ARRAY (SELECT d.nr FROM outbox_id d WHERE d.id = $1::uuid))
