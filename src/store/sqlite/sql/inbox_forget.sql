UPDATE inbox SET kept = 0 WHERE row = ?1
