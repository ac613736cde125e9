DELETE FROM lane WHERE row = ?1
