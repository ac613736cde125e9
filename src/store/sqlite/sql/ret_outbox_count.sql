-- How much that has arrived is over, and the oldest; conditions as in ret_outbox_due.
SELECT count(*), min(o.settled) FROM outbox o
WHERE o.settled < ?1 AND o.queued < ?2 AND o.state = 'sent'
  AND NOT EXISTS (SELECT 1 FROM outbox n WHERE n.after = o.id AND n.state <> 'sent')
  AND NOT EXISTS (SELECT 1 FROM followed f WHERE f.outbox = o.row AND f.state = 'open')
