-- What a message sent to a partner, and what has not left in the lanes of these names ($3) and more of it ($4): with the lanes, to be locked before.
SELECT o.id, o.lane FROM outbox o WHERE o.cause = $1 AND o.partner = $2
UNION
SELECT o.id, o.lane FROM lane l JOIN outbox o ON o.lane = l.nr AND o.state <> 'sent' WHERE l.name = ANY ($3::bytea[])
UNION
SELECT o.id, o.lane FROM outbox_id d JOIN outbox o ON o.nr = d.nr WHERE d.id = ANY ($4::uuid[])
