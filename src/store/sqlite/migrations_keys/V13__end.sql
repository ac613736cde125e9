-- The end of the key store: each act (keys made, keys destroyed with their entries in the ledger, epoch counted on) adds a link. One row,
-- in one page, so that whatever is left of the log after a damage holds the link of its own last act. As `mark` of the database.
CREATE TABLE mark (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  n INTEGER NOT NULL, at INTEGER NOT NULL, links BLOB NOT NULL
);
INSERT INTO mark VALUES (1, 0, 0, x'');
