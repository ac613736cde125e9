UPDATE command SET state = 'taken' WHERE row = ?1
