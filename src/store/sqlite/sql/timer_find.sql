SELECT sealed FROM timer WHERE id = ?1
