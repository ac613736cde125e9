-- The house's store on PostgreSQL, in the schema `drehscheibe`. Times are microseconds since 1970 (UTC). Keys are HMACs of 16
-- octets. Nothing here is personal data in clear: contents lie in `sealed`, keys are blind.
--
-- Numbers: a row and its sealed content share one number, `nr` = month (yyyymm) * 2^40 + a running number. What comes, leaves
-- and is written down is partitioned by it, one partition a month, so that retention is the drop of a partition; what lasts
-- (mirror, Vorgaenge, Bestaende, timers) has the month 0. As a number carries its month, rows name each other by number alone.
-- No foreign keys between partitioned tables: a dropped month takes both ends, and the program writes both in one statement.

CREATE SEQUENCE nummer;   -- running numbers of all rows and lanes
CREATE SEQUENCE folge;    -- order of the outbox: drawn while the lane is locked, so it is the order of commit
CREATE SEQUENCE lauf;     -- numbers of processes

-- Facts about the store itself: stage, id, check value of the master key.
CREATE TABLE meta (name text PRIMARY KEY, value text NOT NULL);

-- One key per Mandant, wrapped by the master key. `id` is a short hash that rows show as key_id.
CREATE TABLE mandant_key (
  nr bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text NOT NULL UNIQUE, mandant text NOT NULL UNIQUE, wrapped bytea NOT NULL
);

-- The attributes of every row, kept once per combination: a few dozen combinations serve millions of rows.
CREATE TABLE stamp (
  nr bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  mandant text NOT NULL, partner text NOT NULL, how text NOT NULL, stage text NOT NULL, test boolean NOT NULL,
  key_id text NOT NULL, acting_person text NOT NULL, doc_version text NOT NULL, decided_by text NOT NULL,
  UNIQUE (mandant, partner, how, stage, test, key_id, acting_person, doc_version, decided_by)
);
CREATE INDEX stamp_partner ON stamp (partner);

-- Sealed contents, apart from the rows they belong to, so that listing and counting never read them.
-- data_key NULL: the key was destroyed, which is the deletion.
CREATE TABLE sealed (
  nr bigint PRIMARY KEY,
  mandant_key bigint NOT NULL,
  subject_key bigint,        -- child or Vorgang key in the key store that wraps data_key; NULL: the Mandant's key wraps it
  data_key bytea,
  head bytea, body bytea,    -- what came or goes
  note bytea                 -- what became of it: causes, rejections, reply, references
) PARTITION BY RANGE (nr);
-- Sealed octets do not compress; trying costs time.
ALTER TABLE sealed ALTER COLUMN head SET STORAGE EXTERNAL, ALTER COLUMN body SET STORAGE EXTERNAL,
  ALTER COLUMN note SET STORAGE EXTERNAL;
CREATE INDEX sealed_subject ON sealed (subject_key) WHERE subject_key IS NOT NULL;
CREATE TABLE sealed_bleibt PARTITION OF sealed FOR VALUES FROM (0) TO (1099511627776);

-- Inbound messages; the number is the order of commit.
CREATE TABLE inbox (
  nr bigint PRIMARY KEY, id uuid NOT NULL,
  stamp bigint NOT NULL, traceparent text NOT NULL,
  state text NOT NULL,
  conflict boolean NOT NULL,               -- same key, other content
  received bigint NOT NULL, committed bigint NOT NULL,
  connection text NOT NULL, binding text NOT NULL,
  transport bytea NOT NULL,                -- HMAC of connection and transport id
  message text, route text,
  codes text NOT NULL,                     -- codes of the rejection, joined by a space
  size bigint NOT NULL,
  content bytea NOT NULL,                  -- HMAC of the content's hash
  kept boolean NOT NULL                    -- head and body are kept
) PARTITION BY RANGE (nr);
CREATE INDEX inbox_transport ON inbox (transport);
CREATE INDEX inbox_state ON inbox (state, stamp);
CREATE INDEX inbox_stamp ON inbox (stamp, nr);
CREATE INDEX inbox_codes ON inbox (codes, stamp) WHERE codes <> '';
-- Where a message lies: an id is unique over all months.
CREATE TABLE inbox_id (id uuid PRIMARY KEY, nr bigint NOT NULL);

-- Keys of idempotency. They outlive the messages, therefore the verdict's parts stand here too.
CREATE TABLE idempotency (
  key bytea PRIMARY KEY, content bytea NOT NULL, message uuid NOT NULL,
  conflict boolean NOT NULL, state text NOT NULL, codes text NOT NULL
);

-- Repeats that were answered with the first verdict.
CREATE TABLE repeats (mandant text NOT NULL, partner text NOT NULL, n bigint NOT NULL, PRIMARY KEY (mandant, partner));

-- Versions of what decisions rest on; a missing row is version 0.
CREATE TABLE guard (key bytea PRIMARY KEY, version bigint NOT NULL) WITH (fillfactor = 80);

-- The mirror of the register: one sealed Registersatz per row.
CREATE TABLE mirror (
  nr bigint PRIMARY KEY, id uuid NOT NULL UNIQUE,
  stamp bigint NOT NULL REFERENCES stamp, traceparent text NOT NULL,
  cause uuid NOT NULL,                     -- the message that put it last
  changed bigint NOT NULL,
  subject_key bigint NOT NULL              -- the child's key in the key store
);
CREATE INDEX mirror_stamp ON mirror (stamp);
CREATE TABLE mirror_key (key bytea NOT NULL, mirror bigint NOT NULL REFERENCES mirror, PRIMARY KEY (key, mirror));
CREATE INDEX mirror_key_mirror ON mirror_key (mirror);

-- What was removed: keeps an older delivery from bringing it back.
CREATE TABLE tombstone (
  key bytea PRIMARY KEY, stamp bigint NOT NULL REFERENCES stamp, traceparent text NOT NULL,
  created bigint NOT NULL, until bigint NOT NULL
);

-- Child and Vorgang keys that have to be destroyed in the key store: written with the removal, emptied after it.
CREATE TABLE key_to_destroy (subject_key bigint PRIMARY KEY);

-- Vorgaenge.
CREATE TABLE vorgang (
  nr bigint PRIMARY KEY, key bytea NOT NULL UNIQUE, id uuid NOT NULL,
  stamp bigint NOT NULL REFERENCES stamp, traceparent text NOT NULL,
  owner text NOT NULL, state text NOT NULL, deadline bigint, subject_key bigint NOT NULL
);
CREATE INDEX vorgang_id ON vorgang (id);
CREATE INDEX vorgang_stamp ON vorgang (stamp, nr);

-- Completeness and freshness of each Jugendamt's register, sealed.
CREATE TABLE bestand (
  key bytea PRIMARY KEY, nr bigint NOT NULL UNIQUE, stamp bigint NOT NULL REFERENCES stamp, traceparent text NOT NULL,
  changed bigint NOT NULL
);

-- Lanes: order is kept by leasing them. They exist only while rows are unsettled; numbers are never used twice, so an old fence
-- never fits a new lane.
CREATE TABLE lane (
  nr bigint PRIMARY KEY,
  name bytea UNIQUE,                       -- HMAC of destination and order key; NULL: no order, one row only
  destination text NOT NULL,
  next_try bigint,                         -- NULL: nothing can go now
  held boolean NOT NULL DEFAULT false,     -- the head is parked or unclear
  lease_until bigint, worker text, fence bigint NOT NULL DEFAULT 0,
  lauf bigint,                             -- the process that holds the lease
  handed bigint                            -- place of the last outbox row handed to the holder of the lease
) WITH (fillfactor = 70);
CREATE INDEX lane_due ON lane (destination, next_try) WHERE next_try IS NOT NULL AND lease_until IS NULL;
CREATE INDEX lane_next ON lane (next_try) WHERE next_try IS NOT NULL AND lease_until IS NULL;
CREATE INDEX lane_leased ON lane (lease_until) WHERE lease_until IS NOT NULL;

-- What has to leave.
CREATE TABLE outbox (
  nr bigint PRIMARY KEY, id uuid NOT NULL,
  folge bigint NOT NULL DEFAULT nextval('folge'),   -- order within the lane
  lane bigint NOT NULL,                    -- the lane may be gone when the row is sent
  stamp bigint NOT NULL, traceparent text NOT NULL,
  cause uuid NOT NULL,
  destination text NOT NULL, partner text NOT NULL, message text NOT NULL,
  state text NOT NULL,                     -- queued, retrying, sent, parked, unclear
  attempts bigint NOT NULL DEFAULT 0,
  unclear boolean NOT NULL DEFAULT false,  -- an attempt of unknown outcome was made
  queued bigint NOT NULL, settled bigint, deadline bigint,
  after uuid,                              -- leaves only when that row is sent
  not_before bigint                        -- does not leave earlier
) PARTITION BY RANGE (nr);
CREATE INDEX outbox_open ON outbox (lane, folge) WHERE state <> 'sent';
CREATE INDEX outbox_state ON outbox (destination, state);
CREATE INDEX outbox_held ON outbox (nr) WHERE state IN ('parked', 'unclear');
CREATE INDEX outbox_retrying ON outbox (destination, settled) WHERE state = 'retrying';
CREATE INDEX outbox_after ON outbox (after) WHERE after IS NOT NULL;
CREATE INDEX outbox_cause ON outbox (cause);
CREATE TABLE outbox_id (id uuid PRIMARY KEY, nr bigint NOT NULL);

-- Breakers of destinations.
CREATE TABLE breaker (destination text PRIMARY KEY, failures bigint NOT NULL, open_until bigint);

-- Timers; a row goes when the message it became is committed.
CREATE TABLE timer (
  id uuid PRIMARY KEY, nr bigint NOT NULL UNIQUE, due bigint NOT NULL, name text NOT NULL,
  stamp bigint NOT NULL REFERENCES stamp, traceparent text NOT NULL
);
CREATE INDEX timer_due ON timer (due);

-- Messages that shall run again: they wait, or a person replays them.
CREATE TABLE waiting (
  inbox bigint PRIMARY KEY,
  key bytea,                               -- what it waits for
  until bigint,                            -- when it has waited long enough
  due bigint NOT NULL,                     -- when it runs: until, or the moment it was woken or replayed
  woken boolean NOT NULL DEFAULT false,
  person text,                             -- who replayed it
  lease_until bigint, lauf bigint
);
CREATE INDEX waiting_key ON waiting (key) WHERE key IS NOT NULL;
CREATE INDEX waiting_due ON waiting (due);
CREATE INDEX waiting_leased ON waiting (lauf) WHERE lauf IS NOT NULL;

-- Which rows need which claim file; data_key opens the file, wrapped like the row's own.
CREATE TABLE claim_use (name text NOT NULL, sealed bigint NOT NULL, data_key bytea NOT NULL, PRIMARY KEY (name, sealed));
CREATE INDEX claim_use_sealed ON claim_use (sealed);
-- Finished claims that no row names yet, by the process that holds them; the key is wrapped by the house's key.
CREATE TABLE claim_pending (
  name text NOT NULL, lauf bigint NOT NULL, key bytea NOT NULL, survived bigint NOT NULL DEFAULT 0, PRIMARY KEY (name, lauf)
);
CREATE INDEX claim_pending_lauf ON claim_pending (lauf);

-- Small durable state of transports; the key is blind, the value sealed.
CREATE TABLE note (key bytea PRIMARY KEY, connection text NOT NULL, value bytea NOT NULL);

-- Stored pauses.
CREATE TABLE pause (
  kind text NOT NULL, name text NOT NULL, until bigint, since bigint NOT NULL,
  sealed bytea NOT NULL,                   -- reason and person
  PRIMARY KEY (kind, name)
);

-- Commands of persons to the running engine.
CREATE TABLE command (
  nr bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE, what text NOT NULL, at bigint NOT NULL,
  sealed bytea NOT NULL,                   -- arguments, person and reason
  state text NOT NULL,                     -- waiting, taken, done, refused
  said text NOT NULL DEFAULT '', lauf bigint
);
CREATE INDEX command_open ON command (state, nr) WHERE state IN ('waiting', 'taken');

-- Abrufprotokoll: every retrieval from the mirror and every view of a payload; for the auditor only.
CREATE TABLE abrufprotokoll (
  nr bigint PRIMARY KEY, at bigint NOT NULL, stamp bigint NOT NULL, traceparent text NOT NULL,
  message uuid NOT NULL, step text NOT NULL,
  records bytea NOT NULL,                  -- ids of the records, 16 octets each
  sealed bytea                             -- person and reason of a view
) PARTITION BY RANGE (nr);
CREATE INDEX abrufprotokoll_at ON abrufprotokoll (at);

-- Audit: one row per change, with what happened and no personal data. The Nachweiskette stands in the same row: the hash of
-- salt and canonical octets, chained to the row before of the same strand. Several strands, each with one writer at a time,
-- let several processes write at once; without the salt the hash tells nothing.
CREATE TABLE audit (
  nr bigint PRIMARY KEY, at bigint NOT NULL, stamp bigint NOT NULL, traceparent text NOT NULL,
  subject uuid,                            -- message or outbox row
  what text NOT NULL,
  detail bytea NOT NULL,                   -- canonical octets
  salt bytea,                              -- dies with the record it speaks of
  strang bigint NOT NULL, glied bigint NOT NULL, hash bytea NOT NULL, chain bytea NOT NULL
) PARTITION BY RANGE (nr);
CREATE INDEX audit_subject ON audit (subject);
CREATE INDEX audit_strang ON audit (strang, glied);
CREATE TABLE strang (nr bigint PRIMARY KEY, glied bigint NOT NULL, chain bytea NOT NULL) WITH (fillfactor = 20);
INSERT INTO strang SELECT n, 0, '' FROM generate_series(1, 16) AS n;

-- Cockpit log: retrievals with an IDNr only; kept two years.
CREATE TABLE cockpitlog (
  nr bigint PRIMARY KEY, at bigint NOT NULL, stamp bigint NOT NULL, traceparent text NOT NULL,
  message uuid NOT NULL, sealed bytea NOT NULL
) PARTITION BY RANGE (nr);

-- The partitions of a month (yyyymm), made where they are missing. As a function of the owner, because the running program
-- has no right to make tables. A table is made aside and then attached, which stops nobody.
CREATE FUNCTION monat_anlegen(monat integer) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = drehscheibe, pg_temp AS $$
DECLARE
  tabelle text;
  teil text;
BEGIN
  IF monat < 190001 OR monat > 999912 OR monat % 100 NOT BETWEEN 1 AND 12 THEN
    RAISE EXCEPTION 'no month' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(20033, 1);
  FOREACH tabelle IN ARRAY ARRAY['sealed', 'inbox', 'outbox', 'abrufprotokoll', 'audit', 'cockpitlog'] LOOP
    teil := format('%s_%s', tabelle, monat);
    IF to_regclass(format('drehscheibe.%I', teil)) IS NULL THEN
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', teil, tabelle);
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', tabelle, teil,
        monat::bigint << 40, (monat + 1)::bigint << 40);
    END IF;
  END LOOP;
END $$;
REVOKE ALL ON FUNCTION monat_anlegen(integer) FROM PUBLIC;
