DELETE FROM inbox WHERE row = ?1
