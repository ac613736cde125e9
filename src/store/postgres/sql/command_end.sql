UPDATE command SET state = $2, said = $3, lauf = NULL WHERE id = $1
