INSERT INTO lane (destination, held) VALUES (?1, 1)
