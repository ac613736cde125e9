SELECT o.id, c.nr, c.mandant_key, c.subject_key, c.data_key, c.head, c.body, c.note, o.state, o.destination, o.message
FROM outbox o JOIN sealed c ON c.nr = o.nr
