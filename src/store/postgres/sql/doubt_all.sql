-- Any of them may have left after the backup was taken.
UPDATE outbox SET unclear = true WHERE state IN ('queued', 'retrying')
