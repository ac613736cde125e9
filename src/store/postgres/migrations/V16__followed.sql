-- What was sent and is looked after until its far end confirms it: laid down with the settling, removed with its row of the outbox.
-- Only adds, so that the program before this one runs beside it.
CREATE TABLE followed (
  nr bigint PRIMARY KEY,                   -- of its row of the outbox and of its content
  destination text NOT NULL,
  state text NOT NULL,                     -- open, confirmed, failed; the row of the outbox is sent
  since bigint NOT NULL,                   -- when it was sent
  due bigint NOT NULL, until bigint NOT NULL,
  looks bigint NOT NULL DEFAULT 0,
  kept bytea,                              -- what looks need, sealed with the row; gone when it has ended
  proof bytea                              -- what proves its end, sealed with the row
);
CREATE INDEX followed_due ON followed (due) WHERE state = 'open';
CREATE INDEX followed_left ON followed (destination) WHERE state <> 'confirmed';
CREATE INDEX followed_failed ON followed (nr) WHERE state = 'failed';

GRANT SELECT, INSERT, UPDATE, DELETE ON followed TO drehscheibe_lauf;
GRANT SELECT ON followed TO drehscheibe_sicht;
ALTER TABLE followed ENABLE ROW LEVEL SECURITY;
CREATE POLICY lauf ON followed TO drehscheibe_lauf USING (true) WITH CHECK (true);
-- As of its row.
CREATE POLICY sicht ON followed FOR SELECT TO drehscheibe_sicht USING (EXISTS (SELECT 1 FROM outbox o WHERE o.nr = followed.nr));
