INSERT OR IGNORE INTO mirror_key (key, mirror) VALUES (?1, ?2)
