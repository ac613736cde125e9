SELECT subject_key FROM vorgang WHERE key = ?1
