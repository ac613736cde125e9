INSERT INTO sender_clock (partner, seen, ahead) VALUES (?1, ?2, ?3)
ON CONFLICT (partner) DO UPDATE SET seen = excluded.seen, ahead = excluded.ahead
