DELETE FROM sealed WHERE row = ?1
