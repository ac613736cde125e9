SELECT created FROM tombstone WHERE key = ?1
