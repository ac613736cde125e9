INSERT INTO lane (name, destination, next_try) VALUES (?1, ?2, ?3)
