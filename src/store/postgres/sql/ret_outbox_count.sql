-- How many sends before a month are over, and the oldest; conditions as in ret_outbox_due.
SELECT count(*), min(o.settled) FROM outbox o
WHERE o.nr < $1 AND o.state = 'sent' AND o.settled < $2
  AND NOT EXISTS (SELECT 1 FROM outbox n WHERE n.after = o.id AND n.state IS DISTINCT FROM 'sent')
  AND NOT EXISTS (SELECT 1 FROM followed f WHERE f.nr = o.nr AND f.state = 'open')
