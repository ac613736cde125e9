UPDATE objection SET closed = ?2, closed_by = ?3 WHERE row = ?1
