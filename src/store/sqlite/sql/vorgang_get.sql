SELECT id, owner, state, deadline FROM vorgang WHERE key = ?1
