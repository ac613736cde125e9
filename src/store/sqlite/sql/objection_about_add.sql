INSERT INTO objection_about (key, objection) VALUES (?1, ?2) ON CONFLICT DO NOTHING
