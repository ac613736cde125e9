INSERT INTO backlog (connection, partner, since, looked) VALUES (?1, ?2, ?3, ?4)
