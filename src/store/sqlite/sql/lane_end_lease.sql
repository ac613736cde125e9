UPDATE lane SET lease_until = NULL, worker = NULL, handed = NULL WHERE row = ?1
