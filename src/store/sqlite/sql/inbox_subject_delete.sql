DELETE FROM inbox_subject WHERE key = ?1
