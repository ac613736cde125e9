SELECT row, subject_key, sealed FROM mirror WHERE id = ?1
