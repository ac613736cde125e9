-- A lane of one row that waits for a person.
INSERT INTO lane (nr, destination, held) VALUES ($1, $2, true)
