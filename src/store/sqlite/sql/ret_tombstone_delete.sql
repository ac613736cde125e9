DELETE FROM tombstone WHERE key = ?1
