SELECT destination FROM outbox WHERE row = ?1
