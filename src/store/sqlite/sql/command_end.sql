UPDATE command SET state = ?2, said = ?3 WHERE id = ?1
