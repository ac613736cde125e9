-- Rows of what a person would ask for first.
SELECT 'inbox', count(*) FROM inbox UNION ALL SELECT 'outbox', count(*) FROM outbox
UNION ALL SELECT 'mirror', count(*) FROM mirror UNION ALL SELECT 'vorgang', count(*) FROM vorgang
UNION ALL SELECT 'tombstone', count(*) FROM tombstone UNION ALL SELECT 'audit', count(*) FROM audit
