SELECT row, id, what, at, sealed FROM command WHERE state = 'waiting' ORDER BY row LIMIT ?1
