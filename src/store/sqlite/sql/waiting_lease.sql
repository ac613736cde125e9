UPDATE waiting SET lease_until = ?2 WHERE inbox = ?1
