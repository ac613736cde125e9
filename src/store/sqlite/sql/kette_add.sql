INSERT INTO nachweiskette (row, hash, chain) VALUES (?1, ?2, ?3)
