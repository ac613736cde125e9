SELECT row, key, sealed FROM vorgang WHERE subject_key = ?1
