-- What a row ($1) of a partner ($2) is, wherever it stands.
SELECT r.message, r.queued, t.test FROM outbox_id i JOIN outbox r ON r.nr = i.nr JOIN stamp t ON t.nr = r.stamp
WHERE i.id = $1::uuid AND r.partner = $2::text
