SELECT count(*), min(seit) FROM idempotency WHERE seit < $1
