-- By which messages rows were sent whose ids lie there; more than a few are no answer.
SELECT cause FROM outbox WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT 20
