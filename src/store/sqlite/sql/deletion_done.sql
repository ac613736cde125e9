DELETE FROM deletion WHERE id = ?1
