SELECT sealed FROM bestand WHERE key = ?1
