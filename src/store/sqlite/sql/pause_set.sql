INSERT OR REPLACE INTO pause (kind, name, until, since, sealed) VALUES (?1, ?2, ?3, ?4, ?5)
