DELETE FROM key_to_destroy WHERE subject_key = ?1
