-- Its content is gone, and it was not sent again since.
DELETE FROM followed WHERE outbox = ?1 AND since = ?2
