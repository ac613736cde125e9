-- Deletion ledger and recovery. Only adds, so that the program before this one still reads the file.

-- What was deleted and does not stand in the ledger of the key store yet: written with the deletion, emptied when the ledger
-- holds it. `at` is an account for people and therefore the machine's own time.
CREATE TABLE deletion (
  id BLOB PRIMARY KEY,
  at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
  class TEXT NOT NULL,                     -- why
  kind TEXT NOT NULL,                      -- record, messages, tombstone, subject
  record BLOB, subject_key INTEGER,
  keys BLOB NOT NULL,                      -- HMACs, 16 octets each
  created INTEGER, until INTEGER           -- of a tombstone
) WITHOUT ROWID;

-- What this database knows of the key store, and whether it was put back from a backup. One row.
CREATE TABLE recovery (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  epoch INTEGER NOT NULL,                  -- counted with each start and each backup, here and in the key store
  ledger INTEGER NOT NULL,                 -- the last entry of the ledger that is known here
  since INTEGER,                           -- put back then and not open yet; NULL: open
  copied INTEGER,                          -- when the backup was taken
  applied INTEGER NOT NULL DEFAULT 0       -- 1: the ledger was applied again
);
INSERT INTO recovery (one, epoch, ledger) VALUES (1, 0, 0);

-- A Vorgang goes with its key.
CREATE INDEX vorgang_subject ON vorgang (subject_key);
