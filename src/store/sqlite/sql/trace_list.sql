SELECT vorgang FROM vorgang_spur WHERE key = ?1
