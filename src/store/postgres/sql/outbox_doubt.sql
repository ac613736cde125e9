-- Rows that were handed out under a lease that nobody ended: an attempt may have been made.
UPDATE outbox o SET unclear = true FROM unnest($1::bigint[], $2::bigint[]) AS l(nr, handed)
WHERE o.lane = l.nr AND o.state <> 'sent' AND o.folge <= l.handed
