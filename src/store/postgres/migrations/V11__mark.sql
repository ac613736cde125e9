-- What each process has written, so that its new connections prove that they lead to the same history and to none that is older.
-- Only adds; the program before this one, running beside, writes no marks and proves nothing.

-- A process writes in several transactions at once: each counts on the row of a place that no other one has meanwhile.
CREATE TABLE mark (
  process uuid NOT NULL, place bigint NOT NULL,
  n bigint NOT NULL,                       -- how many transactions of the process were begun when this one was
  since bigint NOT NULL,                   -- when the row was made, by the server's clock
  PRIMARY KEY (process, place)
) WITH (fillfactor = 50);

-- Numbers only: nothing to hide from a scope.
GRANT SELECT, INSERT, UPDATE, DELETE ON mark TO drehscheibe_lauf;

-- What such a proof has shown to be missing: from when until when, and how many transactions of the process that found it.
ALTER TABLE recovery ADD COLUMN lost_from bigint, ADD COLUMN lost_until bigint, ADD COLUMN lost bigint;
