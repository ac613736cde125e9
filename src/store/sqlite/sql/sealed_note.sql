UPDATE sealed SET note = ?2 WHERE row = ?1
