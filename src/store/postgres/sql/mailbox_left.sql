-- A row ($1) of a partner ($2), wherever it is now.
SELECT r.nr FROM outbox_id i JOIN outbox r ON r.nr = i.nr WHERE i.id = $1::uuid AND r.partner = $2::text
