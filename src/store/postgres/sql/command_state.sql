SELECT state, said FROM command WHERE id = $1
