-- What keeps no order and has not arrived for certain: only such rows may have several ways.
SELECT o.id, o.destination, o.sealed FROM outbox o LEFT JOIN lane l ON l.row = o.lane WHERE o.state <> 'sent' AND l.name IS NULL
UNION ALL
SELECT o.id, o.destination, o.sealed FROM followed f JOIN outbox o ON o.row = f.outbox WHERE f.state <> 'confirmed'
