-- What retention needs: when a row became over, and ways to find such rows. Only adds, so that the program before this one
-- still reads and writes the file; what it leaves empty is filled in by the next run of retention.

-- When a key of idempotency was written.
ALTER TABLE idempotency ADD COLUMN seit INTEGER;

-- When a Vorgang was changed last.
ALTER TABLE vorgang ADD COLUMN geaendert INTEGER;
CREATE INDEX vorgang_geaendert ON vorgang (geaendert);

-- The blind day on which the child is of age, and of which message's record it was worked out: the record is sealed, so a
-- run of retention opens what is new or changed once and finds it by its day from then on.
ALTER TABLE mirror ADD COLUMN ende BLOB;
ALTER TABLE mirror ADD COLUMN ende_stand BLOB;
CREATE INDEX mirror_ende ON mirror (ende);
CREATE INDEX mirror_ohne_ende ON mirror (row) WHERE ende_stand IS NOT cause;

CREATE INDEX tombstone_until ON tombstone (until);
CREATE INDEX inbox_committed ON inbox (committed);
CREATE INDEX outbox_settled ON outbox (settled);

-- What a row that goes is named by; without them each removal would read the whole table.
CREATE INDEX inbox_subject_inbox ON inbox_subject (inbox);
CREATE INDEX mirror_sealed ON mirror (sealed);
CREATE INDEX vorgang_sealed ON vorgang (sealed);
CREATE INDEX timer_sealed ON timer (sealed);

-- How far a pass over a table without an order of time has come: up to which moment it removes, and behind which key it goes on.
CREATE TABLE raeumung (was TEXT PRIMARY KEY, grenze INTEGER NOT NULL, key BLOB, fertig INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;

-- Where the Nachweiskette begins since older links went: the last link that went.
CREATE TABLE kette_anfang (eins INTEGER PRIMARY KEY CHECK (eins = 1), row INTEGER NOT NULL, chain BLOB NOT NULL);
