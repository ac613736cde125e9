-- Of what lies there and nobody knows since when: since the look before, at which it lay there or came later.
INSERT INTO backlog (connection, partner, since, looked, emptied)
VALUES (?1, ?2, CASE WHEN ?5 THEN NULL ELSE coalesce(?3, ?4) END, ?4, CASE WHEN ?5 THEN ?4 END)
ON CONFLICT (connection, partner) DO UPDATE SET looked = excluded.looked, emptied = coalesce(excluded.emptied, emptied),
  since = CASE WHEN ?5 THEN NULL ELSE coalesce(?3, since, looked) END
