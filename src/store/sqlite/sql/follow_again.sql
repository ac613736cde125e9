UPDATE followed SET due = ?2, looks = looks + 1, kept = coalesce(?3, kept) WHERE outbox = ?1
