-- The mark of what was acknowledged. Only adds.

-- How many commits there were and the links that chain them; written in each commit. One row, in one page, so that whatever is left
-- of the log after a damage holds the link of its own last commit. `links`: 16 octets each, newest first.
CREATE TABLE mark (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  n INTEGER NOT NULL, at INTEGER NOT NULL, links BLOB NOT NULL
);
INSERT INTO mark VALUES (1, 0, 0, x'');

-- What a comparison with the mark beside the keys has shown: acknowledged commits are missing, from when until when, and how many.
ALTER TABLE recovery ADD COLUMN lost_from INTEGER;
ALTER TABLE recovery ADD COLUMN lost_until INTEGER;
ALTER TABLE recovery ADD COLUMN lost INTEGER;
