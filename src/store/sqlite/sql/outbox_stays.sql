-- It stays on its way, with more time.
UPDATE outbox SET deadline = ?2 WHERE row = ?1
