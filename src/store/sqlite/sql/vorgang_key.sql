SELECT subject_key, sealed FROM vorgang WHERE key = ?1
