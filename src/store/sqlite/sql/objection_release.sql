UPDATE objection SET released = ?2, released_by = ?3, released_for = ?4 WHERE delivery = ?1 AND closed IS NULL
