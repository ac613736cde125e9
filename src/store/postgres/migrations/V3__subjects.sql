-- Deletion reaches all messages that spoke of a child. Only adds, so that the program before this one runs beside it.

-- Messages that speak of a child without being sealed by its key (refused, parked, waiting, kept apart): found by the child's
-- blind key when it is deleted. The number carries the month of the message, as everywhere.
CREATE TABLE inbox_subject (key bytea NOT NULL, inbox bigint NOT NULL, PRIMARY KEY (key, inbox));

-- Sends that still had to leave when their child was deleted: their content goes when they have arrived.
CREATE TABLE outbox_doomed (nr bigint PRIMARY KEY);

-- The engine alone, and no row is ever changed: it is written and goes.
GRANT SELECT, INSERT, DELETE ON inbox_subject, outbox_doomed TO drehscheibe_lauf;

ALTER TABLE inbox_subject ENABLE ROW LEVEL SECURITY;
ALTER TABLE outbox_doomed ENABLE ROW LEVEL SECURITY;
CREATE POLICY lauf ON inbox_subject TO drehscheibe_lauf USING (true) WITH CHECK (true);
CREATE POLICY lauf ON outbox_doomed TO drehscheibe_lauf USING (true) WITH CHECK (true);
