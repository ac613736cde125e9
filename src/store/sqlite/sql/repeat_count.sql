INSERT INTO repeats (mandant, partner, n) VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET n = n + 1
