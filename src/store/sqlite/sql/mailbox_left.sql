-- A row (?1) of a partner (?2), wherever it is now.
SELECT sealed FROM outbox WHERE id = ?1 AND partner = ?2
