-- Deletion ledger and recovery. Only adds, so that the program before this one runs beside it; what that one deletes while an
-- update is rolled out is deleted, but does not stand in the ledger.

-- What was deleted and does not stand in the ledger of the key store yet: written with the deletion, emptied when the ledger
-- holds it. `at` is an account for people and therefore the server's own time.
CREATE TABLE deletion (
  id uuid PRIMARY KEY,
  at bigint NOT NULL DEFAULT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
  class text NOT NULL,                     -- why
  kind text NOT NULL,                      -- record, messages, tombstone, subject
  record uuid, subject_key bigint,
  keys bytea NOT NULL,                     -- HMACs, 16 octets each
  created bigint, until bigint             -- of a tombstone
);

-- What this database knows of the key store, and whether it was put back from a backup. One row.
CREATE TABLE recovery (
  one bigint PRIMARY KEY CHECK (one = 1),
  epoch bigint NOT NULL,                   -- counted with each start and each backup, here and in the key store
  ledger bigint NOT NULL,                  -- the last entry of the ledger that is known here
  since bigint,                            -- put back then and not open yet; NULL: open
  copied bigint,                           -- when the backup was taken
  applied boolean NOT NULL DEFAULT false   -- the ledger was applied again
);
INSERT INTO recovery (one, epoch, ledger) VALUES (1, 0, 0);

-- The engine alone: it lists and empties, and changes the one row.
GRANT SELECT, INSERT, DELETE ON deletion TO drehscheibe_lauf;
GRANT SELECT, UPDATE ON recovery TO drehscheibe_lauf;
ALTER TABLE deletion ENABLE ROW LEVEL SECURITY;
CREATE POLICY lauf ON deletion TO drehscheibe_lauf USING (true) WITH CHECK (true);
