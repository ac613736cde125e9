SELECT o.id, o.state, o.destination, o.message, o.sealed FROM outbox o
