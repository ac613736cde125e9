UPDATE command SET state = 'waiting', lauf = NULL WHERE id = $1 AND state = 'taken'
