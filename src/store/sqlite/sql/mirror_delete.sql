DELETE FROM mirror WHERE row = ?1
