DELETE FROM subject_key WHERE row = ?1
