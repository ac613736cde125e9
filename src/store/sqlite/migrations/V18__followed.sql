-- What was sent and is looked after until its far end confirms it: laid down with the settling. Goes with its row of the outbox. Only
-- adds, so that the program before this one still reads the file.
CREATE TABLE followed (
  outbox INTEGER PRIMARY KEY REFERENCES outbox ON DELETE CASCADE,
  destination TEXT NOT NULL,
  state TEXT NOT NULL,                     -- open, confirmed, failed; the row of the outbox is sent
  since INTEGER NOT NULL,                  -- when it was sent
  due INTEGER NOT NULL, until INTEGER NOT NULL,
  looks INTEGER NOT NULL DEFAULT 0,
  kept BLOB,                               -- what looks need, sealed with the row; gone when it has ended
  proof BLOB                               -- what proves its end, sealed with the row
);
CREATE INDEX followed_due ON followed (due) WHERE state = 'open';
CREATE INDEX followed_left ON followed (destination) WHERE state <> 'confirmed';
CREATE INDEX followed_failed ON followed (outbox) WHERE state = 'failed';
