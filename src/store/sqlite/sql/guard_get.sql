SELECT version FROM guard WHERE key = ?1
