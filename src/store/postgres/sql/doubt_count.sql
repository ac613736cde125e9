SELECT count(*) FROM outbox WHERE state IN ('queued', 'retrying') AND unclear
