INSERT OR REPLACE INTO waiting (inbox, key, until, due, woken, person) VALUES (?1, ?2, ?3, ?4, 0, ?5)
