-- Acknowledged commits are missing: closed as after a recovery. Where that is known already the earlier moment holds.
UPDATE recovery SET
  since = coalesce(since, CAST(unixepoch('subsec') * 1000000 AS INTEGER)), applied = 0,
  lost_from = min(coalesce(lost_from, ?1), ?1), lost_until = max(coalesce(lost_until, ?2), ?2), lost = coalesce(lost, 0) + ?3
