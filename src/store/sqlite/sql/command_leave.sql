UPDATE command SET state = 'waiting' WHERE id = ?1 AND state = 'taken'
