-- Whether something of a month is not over: numbers from $1 to before $2, moment $3. The conditions of the owner's function,
-- and that nothing of it is still to be confirmed.
SELECT EXISTS (SELECT 1 FROM inbox i WHERE i.nr >= $1 AND i.nr < $2 AND (i.committed >= $3
    OR i.state IN ('waiting', 'parked', 'quarantined')
    OR EXISTS (SELECT 1 FROM outbox o WHERE o.cause = i.id AND o.state <> 'sent')))
  OR EXISTS (SELECT 1 FROM waiting w WHERE w.inbox >= $1 AND w.inbox < $2)
  OR EXISTS (SELECT 1 FROM outbox o WHERE o.nr >= $1 AND o.nr < $2 AND (o.state <> 'sent' OR o.settled IS NULL OR o.settled >= $3
    OR EXISTS (SELECT 1 FROM outbox n WHERE n.after = o.id AND n.state <> 'sent')))
  OR EXISTS (SELECT 1 FROM followed f WHERE f.nr >= $1 AND f.nr < $2 AND f.state = 'open')
