-- What came; what became of it stays, because a repeat is owed the same answer.
UPDATE sealed SET head = NULL, body = NULL WHERE row = ?1
