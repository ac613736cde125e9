INSERT OR REPLACE INTO breaker (destination, failures, open_until) VALUES (?1, ?2, ?3)
