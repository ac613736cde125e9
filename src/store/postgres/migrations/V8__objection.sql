-- What speaks against a Negativauskunft although no record says so: deliveries that have not had their effect (rules.md 2.1). Only
-- adds, so that the program before this one runs beside it. A row holds nothing of a child but blind keys, and these only while it is
-- open; a closed row stays until it is over, so that the same content does not count again.
CREATE TABLE objection (
  nr bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id bytea NOT NULL UNIQUE,                -- HMAC of the office, whether it was readable, and its content
  amt text NOT NULL,                       -- the office that may close it
  delivery uuid NOT NULL,                  -- the message that opened it
  stamp bigint NOT NULL REFERENCES stamp, traceparent text NOT NULL,
  why text NOT NULL,                       -- rejected, parked, quarantined, waiting, unreadable, foreign
  message text NOT NULL,
  made bigint NOT NULL, since bigint NOT NULL,
  ende bytea,                              -- the blind day on which the child is of age
  closed bigint, closed_by text,
  released bigint, released_by text        -- by a first person of the operator
);
CREATE INDEX objection_open ON objection (amt, since) WHERE closed IS NULL;
CREATE INDEX objection_block ON objection (amt) WHERE closed IS NULL AND why = 'unreadable';
CREATE INDEX objection_delivery ON objection (delivery);
CREATE INDEX objection_closed ON objection (closed) WHERE closed IS NOT NULL;
CREATE INDEX objection_ende ON objection (ende) WHERE ende IS NOT NULL;
-- Under which keys a decision meets it.
CREATE TABLE objection_key (key bytea NOT NULL, objection bigint NOT NULL, PRIMARY KEY (key, objection));
CREATE INDEX objection_key_objection ON objection_key (objection);
-- By which keys a later delivery, a readable copy or a deletion ends it.
CREATE TABLE objection_about (key bytea NOT NULL, objection bigint NOT NULL, PRIMARY KEY (key, objection));
CREATE INDEX objection_about_objection ON objection_about (objection);

-- What was left without effect until now blocks its office: it is not known here of which child it speaks. Replaying it, a readable
-- copy, a comparison without gaps or two persons end it.
INSERT INTO objection (id, amt, delivery, stamp, traceparent, why, message, made, since)
  SELECT uuid_send(i.id), s.partner, i.id, i.stamp, i.traceparent, 'unreadable', coalesce(i.message, ''), i.received, i.received
  FROM inbox i JOIN stamp s ON s.nr = i.stamp
  WHERE i.state IN ('parked', 'quarantined', 'waiting') AND i.kept AND s.partner <> '' AND NOT (s.test AND s.stage = 'produktion');

GRANT SELECT, INSERT, UPDATE, DELETE ON objection, objection_key, objection_about TO drehscheibe_lauf;
GRANT SELECT ON objection, objection_key TO drehscheibe_abruf;
ALTER TABLE objection ENABLE ROW LEVEL SECURITY;
CREATE POLICY lauf ON objection TO drehscheibe_lauf USING (true) WITH CHECK (true);
CREATE POLICY abruf ON objection FOR SELECT TO drehscheibe_abruf USING (true);

-- What sources see and have not taken, by connection and partner. `since` NULL: nothing lay there when it was looked into last.
CREATE TABLE backlog (
  connection text NOT NULL, partner text NOT NULL, since bigint, looked bigint NOT NULL, PRIMARY KEY (connection, partner)
);
CREATE INDEX backlog_partner ON backlog (partner);
GRANT SELECT, INSERT, UPDATE, DELETE ON backlog TO drehscheibe_lauf;
GRANT SELECT ON backlog TO drehscheibe_abruf;
