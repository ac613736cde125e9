UPDATE lane SET next_try = ?2, held = ?3 WHERE row = ?1
