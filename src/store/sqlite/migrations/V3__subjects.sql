-- Messages that speak of a child without being sealed by its key (refused, parked, waiting, kept apart): found by the child's
-- blind key when it is deleted. Only adds, so that the program before this one still reads the file.
CREATE TABLE inbox_subject (
  key BLOB NOT NULL, inbox INTEGER NOT NULL REFERENCES inbox, PRIMARY KEY (key, inbox)
) WITHOUT ROWID;

-- Sends that still had to leave when their child was deleted: their content goes when they have arrived.
CREATE TABLE outbox_doomed (id BLOB PRIMARY KEY) WITHOUT ROWID;
