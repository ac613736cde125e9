-- Messages by id, with what an audit row needs.
SELECT i.nr, i.id, i.stamp, i.traceparent FROM inbox_id d JOIN inbox i ON i.nr = d.nr WHERE d.id = ANY($1::uuid[])
