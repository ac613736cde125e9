UPDATE lane SET lease_until = ?2, worker = ?3, fence = fence + 1, handed = ?4 WHERE row = ?1
