-- By which messages rows were sent whose ids lie there; more than a few are no answer.
SELECT o.cause FROM outbox o WHERE o.nr = ANY (ARRAY (
  SELECT d.nr FROM outbox_id d WHERE d.id BETWEEN $1::uuid AND $2::uuid ORDER BY d.id LIMIT 20))
