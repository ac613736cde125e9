SELECT sealed FROM command WHERE id = ?1
