-- What speaks against a Negativauskunft although no record says so: deliveries that have not had their effect (rules.md 2.1). Only
-- adds, so that the program before this one still reads and writes the file. A row holds nothing of a child but blind keys, and
-- these only while it is open; a closed row stays until it is over, so that the same content does not count again.
CREATE TABLE objection (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL UNIQUE,                 -- HMAC of the office, whether it was readable, and its content
  amt TEXT NOT NULL,                       -- the office that may close it
  delivery BLOB NOT NULL,                  -- the message that opened it
  stamp INTEGER NOT NULL REFERENCES stamp, traceparent TEXT NOT NULL,
  why TEXT NOT NULL,                       -- rejected, parked, quarantined, waiting, unreadable, foreign
  message TEXT NOT NULL,
  made INTEGER NOT NULL, since INTEGER NOT NULL,
  ende BLOB,                               -- the blind day on which the child is of age
  closed INTEGER, closed_by TEXT,
  released INTEGER, released_by TEXT       -- by a first person of the operator
);
CREATE INDEX objection_open ON objection (amt, since) WHERE closed IS NULL;
CREATE INDEX objection_block ON objection (amt) WHERE closed IS NULL AND why = 'unreadable';
CREATE INDEX objection_delivery ON objection (delivery);
CREATE INDEX objection_closed ON objection (closed) WHERE closed IS NOT NULL;
CREATE INDEX objection_ende ON objection (ende) WHERE ende IS NOT NULL;
-- Under which keys a decision meets it.
CREATE TABLE objection_key (key BLOB NOT NULL, objection INTEGER NOT NULL, PRIMARY KEY (key, objection)) WITHOUT ROWID;
CREATE INDEX objection_key_objection ON objection_key (objection);
-- By which keys a later delivery, a readable copy or a deletion ends it.
CREATE TABLE objection_about (key BLOB NOT NULL, objection INTEGER NOT NULL, PRIMARY KEY (key, objection)) WITHOUT ROWID;
CREATE INDEX objection_about_objection ON objection_about (objection);

-- What an older program left without effect blocks its office: it is not known here of which child it speaks. Replaying it, a
-- readable copy, a comparison without gaps or two persons end it.
INSERT INTO objection (id, amt, delivery, stamp, traceparent, why, message, made, since)
  SELECT i.id, s.partner, i.id, i.stamp, i.traceparent, 'unreadable', coalesce(i.message, ''), i.received, i.received
  FROM inbox i JOIN stamp s ON s.row = i.stamp
  WHERE i.state IN ('parked', 'quarantined', 'waiting') AND i.kept AND s.partner <> '' AND NOT (s.test AND s.stage = 'produktion');

-- What sources see and have not taken, by connection and partner. `since` NULL: nothing lay there when it was looked into last.
CREATE TABLE backlog (
  connection TEXT NOT NULL, partner TEXT NOT NULL, since INTEGER, looked INTEGER NOT NULL, PRIMARY KEY (connection, partner)
) WITHOUT ROWID;
CREATE INDEX backlog_partner ON backlog (partner);
