SELECT id, owner, state, deadline, sealed FROM vorgang WHERE key = ?1
