-- Only what is in doubt; the number comes from a row that is held locked.
UPDATE outbox SET unclear = false WHERE nr = $1 AND state IN ('queued', 'retrying') AND unclear
