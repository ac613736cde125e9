-- Any of them may have left after the backup was taken.
UPDATE outbox SET unclear = 1 WHERE state IN ('queued', 'retrying')
