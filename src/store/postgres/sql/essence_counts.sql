SELECT 'count inbox', count(*) FROM inbox UNION ALL SELECT 'count outbox', count(*) FROM outbox
UNION ALL SELECT 'count mirror', count(*) FROM mirror UNION ALL SELECT 'count mirror_key', count(*) FROM mirror_key
UNION ALL SELECT 'count timer', count(*) FROM timer UNION ALL SELECT 'count waiting', count(*) FROM waiting
UNION ALL SELECT 'count vorgang', count(*) FROM vorgang UNION ALL SELECT 'count tombstone', count(*) FROM tombstone
UNION ALL SELECT 'count idempotency', count(*) FROM idempotency
