-- The house's store. Times are microseconds since 1970 (UTC). Keys are HMACs of 16 octets. Ids are UUIDs of 16 octets.
-- Nothing here is personal data in clear: contents lie in `sealed`, keys are blind.

-- Facts about the store itself: stage, id, check value of the master key.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- One key per Mandant, wrapped by the master key. `id` is a short hash that rows show as key_id.
CREATE TABLE mandant_key (
  row INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  mandant TEXT NOT NULL UNIQUE,
  wrapped BLOB NOT NULL
);

-- The attributes of every row (rules.md 7), kept once per combination: a few dozen combinations serve millions of rows.
-- traceparent differs with every message and therefore stands in the rows; the views below show both together.
CREATE TABLE stamp (
  row INTEGER PRIMARY KEY,
  mandant TEXT NOT NULL, partner TEXT NOT NULL, how TEXT NOT NULL, stage TEXT NOT NULL, test INTEGER NOT NULL,
  key_id TEXT NOT NULL, acting_person TEXT NOT NULL, doc_version TEXT NOT NULL, decided_by TEXT NOT NULL,
  UNIQUE (mandant, partner, how, stage, test, key_id, acting_person, doc_version, decided_by)
);

-- Sealed contents, apart from the rows they belong to, so that listing and counting never read them.
-- data_key NULL: the key was destroyed, which is the deletion.
CREATE TABLE sealed (
  row INTEGER PRIMARY KEY,
  mandant_key INTEGER NOT NULL REFERENCES mandant_key,
  subject_key INTEGER,        -- child or Vorgang key in keys.db that wraps data_key; NULL: the Mandant's key wraps it
  data_key BLOB,
  head BLOB, body BLOB,       -- what came or goes
  note BLOB                   -- what became of it: causes, rejections, reply, references
);
CREATE INDEX sealed_subject ON sealed (subject_key) WHERE subject_key IS NOT NULL;

-- Inbound messages.
CREATE TABLE inbox (
  row INTEGER PRIMARY KEY AUTOINCREMENT,   -- order of commit
  id BLOB NOT NULL UNIQUE,
  stamp INTEGER NOT NULL REFERENCES stamp, traceparent TEXT NOT NULL,
  state TEXT NOT NULL,
  conflict INTEGER NOT NULL,               -- 1: same key, other content
  received INTEGER NOT NULL, committed INTEGER NOT NULL,
  connection TEXT NOT NULL, binding TEXT NOT NULL,
  transport BLOB NOT NULL,                 -- HMAC of connection and transport id
  message TEXT, route TEXT,
  codes TEXT NOT NULL,                     -- codes of the rejection, joined by a space
  size INTEGER NOT NULL,
  content BLOB NOT NULL,                   -- HMAC of the content's hash
  kept INTEGER NOT NULL,                   -- 1: head and body are kept
  sealed INTEGER NOT NULL REFERENCES sealed
);
CREATE INDEX inbox_transport ON inbox (transport);
CREATE INDEX inbox_state ON inbox (state, stamp);
CREATE INDEX inbox_sealed ON inbox (sealed);

-- Keys of idempotency. They outlive the messages, therefore the verdict's parts stand here too.
CREATE TABLE idempotency (
  key BLOB PRIMARY KEY, content BLOB NOT NULL, message BLOB NOT NULL,
  conflict INTEGER NOT NULL, state TEXT NOT NULL, codes TEXT NOT NULL
) WITHOUT ROWID;

-- Repeats that were answered with the first verdict.
CREATE TABLE repeats (
  mandant TEXT NOT NULL, partner TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (mandant, partner)
) WITHOUT ROWID;

-- Versions of what decisions rest on; a missing row is version 0.
CREATE TABLE guard (key BLOB PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;

-- The mirror of the register: one sealed Registersatz per row.
CREATE TABLE mirror (
  row INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  stamp INTEGER NOT NULL REFERENCES stamp, traceparent TEXT NOT NULL,
  cause BLOB NOT NULL,                     -- the message that put it last
  changed INTEGER NOT NULL,
  subject_key INTEGER NOT NULL,            -- the child's key in keys.db
  sealed INTEGER NOT NULL REFERENCES sealed
);
CREATE TABLE mirror_key (
  key BLOB NOT NULL, mirror INTEGER NOT NULL REFERENCES mirror, PRIMARY KEY (key, mirror)
) WITHOUT ROWID;
CREATE INDEX mirror_key_mirror ON mirror_key (mirror);

-- What was removed: keeps an older delivery from bringing it back.
CREATE TABLE tombstone (
  key BLOB PRIMARY KEY, stamp INTEGER NOT NULL REFERENCES stamp, traceparent TEXT NOT NULL,
  created INTEGER NOT NULL, until INTEGER NOT NULL
) WITHOUT ROWID;

-- Child and Vorgang keys that have to be destroyed in keys.db: written with the removal, emptied after it.
CREATE TABLE key_to_destroy (subject_key INTEGER PRIMARY KEY);

-- Vorgaenge.
CREATE TABLE vorgang (
  row INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  id BLOB NOT NULL,
  stamp INTEGER NOT NULL REFERENCES stamp, traceparent TEXT NOT NULL,
  owner TEXT NOT NULL, state TEXT NOT NULL, deadline INTEGER,
  subject_key INTEGER NOT NULL
);
CREATE INDEX vorgang_id ON vorgang (id);

-- Lanes: order is kept by leasing them. They exist only while rows are unsettled; ids are never used twice, so an old fence
-- never fits a new lane.
CREATE TABLE lane (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  name BLOB UNIQUE,                        -- HMAC of destination and order key; NULL: no order, one row only
  destination TEXT NOT NULL,
  next_try INTEGER,                        -- NULL: nothing can go now
  held INTEGER NOT NULL DEFAULT 0,         -- 1: the head is parked or unclear
  lease_until INTEGER, worker TEXT, fence INTEGER NOT NULL DEFAULT 0,
  handed INTEGER                           -- last outbox row handed to the holder of the lease
);
CREATE INDEX lane_due ON lane (destination, next_try) WHERE next_try IS NOT NULL AND lease_until IS NULL;
CREATE INDEX lane_next ON lane (next_try) WHERE next_try IS NOT NULL AND lease_until IS NULL;
CREATE INDEX lane_leased ON lane (lease_until) WHERE lease_until IS NOT NULL;

-- What has to leave.
CREATE TABLE outbox (
  row INTEGER PRIMARY KEY AUTOINCREMENT,   -- order within the lane
  id BLOB NOT NULL UNIQUE,
  lane INTEGER NOT NULL,                   -- the lane may be gone when the row is sent
  stamp INTEGER NOT NULL REFERENCES stamp, traceparent TEXT NOT NULL,
  cause BLOB NOT NULL,
  destination TEXT NOT NULL, partner TEXT NOT NULL, message TEXT NOT NULL,
  state TEXT NOT NULL,                     -- queued, retrying, sent, parked, unclear
  attempts INTEGER NOT NULL DEFAULT 0,
  unclear INTEGER NOT NULL DEFAULT 0,      -- 1: an attempt of unknown outcome was made
  queued INTEGER NOT NULL, settled INTEGER, deadline INTEGER,
  after BLOB,                              -- leaves only when that row is sent
  sealed INTEGER NOT NULL REFERENCES sealed
);
CREATE INDEX outbox_open ON outbox (lane, row) WHERE state <> 'sent';
CREATE INDEX outbox_state ON outbox (destination, state);
CREATE INDEX outbox_held ON outbox (row) WHERE state IN ('parked', 'unclear');
CREATE INDEX outbox_after ON outbox (after) WHERE after IS NOT NULL;
CREATE INDEX outbox_cause ON outbox (cause);
CREATE INDEX outbox_sealed ON outbox (sealed);

-- Breakers of destinations.
CREATE TABLE breaker (destination TEXT PRIMARY KEY, failures INTEGER NOT NULL, open_until INTEGER) WITHOUT ROWID;

-- Timers; a row goes when the message it became is committed.
CREATE TABLE timer (
  id BLOB PRIMARY KEY, due INTEGER NOT NULL, name TEXT NOT NULL,
  stamp INTEGER NOT NULL REFERENCES stamp, traceparent TEXT NOT NULL, sealed INTEGER NOT NULL REFERENCES sealed
) WITHOUT ROWID;
CREATE INDEX timer_due ON timer (due);

-- Messages that shall run again: they wait, or a person replays them.
CREATE TABLE waiting (
  inbox INTEGER PRIMARY KEY REFERENCES inbox,
  key BLOB,                                -- what it waits for
  until INTEGER,                           -- when it has waited long enough
  due INTEGER NOT NULL,                    -- when it runs: until, or the moment it was woken or replayed
  woken INTEGER NOT NULL DEFAULT 0,
  person TEXT,                             -- who replayed it
  lease_until INTEGER
);
CREATE INDEX waiting_key ON waiting (key) WHERE key IS NOT NULL;
CREATE INDEX waiting_due ON waiting (due);

-- Which rows need which claim file; data_key opens the file, wrapped like the row's own.
CREATE TABLE claim_use (
  name TEXT NOT NULL, sealed INTEGER NOT NULL REFERENCES sealed, data_key BLOB NOT NULL, PRIMARY KEY (name, sealed)
) WITHOUT ROWID;
CREATE INDEX claim_use_sealed ON claim_use (sealed);

-- Small durable state of transports; the key is blind, the value sealed.
CREATE TABLE note (key BLOB PRIMARY KEY, connection TEXT NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;

-- Stored pauses.
CREATE TABLE pause (
  kind TEXT NOT NULL, name TEXT NOT NULL, until INTEGER, since INTEGER NOT NULL,
  sealed BLOB NOT NULL,                    -- reason and person
  PRIMARY KEY (kind, name)
) WITHOUT ROWID;

-- Commands of persons to the running engine.
CREATE TABLE command (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL UNIQUE, what TEXT NOT NULL, at INTEGER NOT NULL,
  sealed BLOB NOT NULL,                    -- arguments, person and reason
  state TEXT NOT NULL,                     -- waiting, taken, done, refused
  said TEXT NOT NULL DEFAULT ''
);
CREATE INDEX command_waiting ON command (row) WHERE state = 'waiting';

-- Abrufprotokoll: every retrieval from the mirror and every view of a payload; for the auditor only.
CREATE TABLE abrufprotokoll (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL, stamp INTEGER NOT NULL REFERENCES stamp, traceparent TEXT NOT NULL,
  message BLOB NOT NULL, step TEXT NOT NULL,
  records BLOB NOT NULL,                   -- ids of the records, 16 octets each
  sealed BLOB                              -- person and reason of a view
);
CREATE INDEX abrufprotokoll_at ON abrufprotokoll (at);

-- Audit: one row per change, with what happened and no personal data.
CREATE TABLE audit (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL, stamp INTEGER NOT NULL REFERENCES stamp, traceparent TEXT NOT NULL,
  subject BLOB,                            -- message or outbox row
  what TEXT NOT NULL,
  detail BLOB NOT NULL,                    -- canonical octets
  salt BLOB                                -- dies with the record it speaks of
);
CREATE INDEX audit_subject ON audit (subject);

-- Nachweiskette: hash of salt and canonical octets of the audit row with the same number, chained to the one before.
-- Without the salt the hash tells nothing.
CREATE TABLE nachweiskette (row INTEGER PRIMARY KEY, hash BLOB NOT NULL, chain BLOB NOT NULL);

-- Cockpit log: retrievals with an IDNr only; kept two years.
CREATE TABLE cockpitlog (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL, stamp INTEGER NOT NULL REFERENCES stamp, traceparent TEXT NOT NULL,
  message BLOB NOT NULL, sealed BLOB NOT NULL
);

-- Rows with all their attributes, for people.
CREATE VIEW inbox_shown AS SELECT i.*, s.mandant, s.partner, s.how, s.stage, s.test, s.key_id, s.acting_person,
  s.doc_version, s.decided_by FROM inbox i JOIN stamp s ON s.row = i.stamp;
CREATE VIEW outbox_shown AS SELECT o.*, s.mandant, s.partner AS caused_by, s.how, s.stage, s.test, s.key_id, s.acting_person,
  s.doc_version, s.decided_by FROM outbox o JOIN stamp s ON s.row = o.stamp;
CREATE VIEW mirror_shown AS SELECT m.*, s.mandant, s.partner, s.how, s.stage, s.test, s.key_id, s.acting_person,
  s.doc_version, s.decided_by FROM mirror m JOIN stamp s ON s.row = m.stamp;
CREATE VIEW vorgang_shown AS SELECT v.*, s.mandant, s.partner, s.how, s.stage, s.test, s.key_id, s.acting_person,
  s.doc_version, s.decided_by FROM vorgang v JOIN stamp s ON s.row = v.stamp;
CREATE VIEW audit_shown AS SELECT a.*, s.mandant, s.partner, s.how, s.stage, s.test, s.key_id, s.acting_person,
  s.doc_version, s.decided_by FROM audit a JOIN stamp s ON s.row = a.stamp;
