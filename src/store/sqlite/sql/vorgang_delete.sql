DELETE FROM vorgang WHERE row = ?1
