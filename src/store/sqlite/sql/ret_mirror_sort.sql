UPDATE mirror SET ende = ?2, ende_stand = ?3 WHERE row = ?1
