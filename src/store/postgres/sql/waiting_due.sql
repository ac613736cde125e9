-- Messages that shall run again, leased to this process in the same statement.
UPDATE waiting w SET lease_until = $4, lauf = $5
FROM inbox i JOIN sealed c ON c.nr = i.nr
WHERE i.nr = w.inbox AND w.inbox = ANY (ARRAY (
  SELECT inbox FROM waiting
  WHERE due <= $1
    -- Nobody runs it now; a lease far ahead was given before the clock jumped back.
    AND (lease_until IS NULL OR lease_until <= $1 OR lease_until > $2)
  ORDER BY due LIMIT $3::bigint
  FOR UPDATE SKIP LOCKED
))
RETURNING w.due, w.until, w.woken, w.person, i.id, c.nr, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note
