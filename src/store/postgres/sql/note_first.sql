INSERT INTO note (key, connection, value) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING
