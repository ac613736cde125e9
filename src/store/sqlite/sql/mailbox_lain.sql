-- What a row (?1) of a partner (?2) is, wherever it stands.
SELECT o.message, o.queued, t.test FROM outbox o JOIN stamp t ON t.row = o.stamp WHERE o.id = ?1 AND o.partner = ?2
