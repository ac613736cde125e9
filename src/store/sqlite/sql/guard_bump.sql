INSERT INTO guard (key, version) VALUES (?1, 1) ON CONFLICT (key) DO UPDATE SET version = version + 1
