-- Nothing of it can leave any more; in a lane of its own it holds nobody up.
UPDATE outbox SET state = 'unclear', lane = ?2, settled = ?3 WHERE row = ?1
