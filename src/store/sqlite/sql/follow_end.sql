UPDATE followed SET state = ?2, looks = looks + ?4, kept = NULL, proof = coalesce(?3, proof) WHERE outbox = ?1
