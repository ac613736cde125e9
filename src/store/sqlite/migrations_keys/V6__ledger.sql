-- The deletion ledger: what was deleted, written in the act that destroys the key. It stands here because it must not go back
-- with a backup. Blind keys and numbers only, never a person.
CREATE TABLE ledger (
  nr INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL UNIQUE,                 -- drawn with the deletion, so that writing it twice is harmless
  at INTEGER NOT NULL, class TEXT NOT NULL, kind TEXT NOT NULL,
  record BLOB, subject_key INTEGER, keys BLOB NOT NULL, created INTEGER, until INTEGER
);

-- Counted with each start and each backup; a database with a smaller number is older than these keys. One row.
CREATE TABLE epoch (one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL);
INSERT INTO epoch VALUES (1, 0);
