-- What keeps no order and has not arrived for certain: only such rows may have several ways.
SELECT o.id, o.destination, o.nr FROM outbox o LEFT JOIN lane l ON l.nr = o.lane WHERE o.state <> 'sent' AND l.name IS NULL
UNION ALL
SELECT o.id, o.destination, o.nr FROM followed f JOIN outbox o ON o.nr = f.nr WHERE f.state <> 'confirmed'
