INSERT INTO objection_key (key, objection) VALUES (?1, ?2) ON CONFLICT DO NOTHING
