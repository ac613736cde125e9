-- Retention: what says when a row is over, ways to find such rows, and the drop of whole months. Only adds, so that the program
-- before this one runs beside it; what it leaves empty is filled in by the next run of retention.

-- When a key of idempotency was written.
ALTER TABLE idempotency ADD COLUMN seit bigint;

-- When a Vorgang was changed last.
ALTER TABLE vorgang ADD COLUMN geaendert bigint;
CREATE INDEX vorgang_geaendert ON vorgang (geaendert);

-- The blind day on which the child is of age, and of which message's record it was worked out: the record is sealed, so a run
-- of retention opens what is new or changed once and finds it by its day from then on.
ALTER TABLE mirror ADD COLUMN ende bytea, ADD COLUMN ende_stand uuid;
CREATE INDEX mirror_ende ON mirror (ende);
CREATE INDEX mirror_ohne_ende ON mirror (nr) WHERE ende_stand IS DISTINCT FROM cause;

CREATE INDEX tombstone_until ON tombstone (until);
-- Traces of a message that goes.
CREATE INDEX inbox_subject_inbox ON inbox_subject (inbox);

-- How far a pass has come that takes several transactions: up to which moment it removes, and behind what it goes on.
CREATE TABLE raeumung (
  was text PRIMARY KEY, grenze bigint NOT NULL, key bytea, nr bigint NOT NULL DEFAULT 0, fertig boolean NOT NULL DEFAULT false
);
GRANT SELECT, INSERT, UPDATE, DELETE ON raeumung TO drehscheibe_lauf;

-- Where each strand of the Nachweiskette begins since older links went: the last link that went.
CREATE TABLE strang_anfang (strang bigint PRIMARY KEY, glied bigint NOT NULL, chain bytea NOT NULL);
GRANT SELECT ON strang_anfang TO drehscheibe_lauf;

-- Drops what was written in a month (yyyymm, UTC), of a kind of data: `nachrichten` (inbox, outbox and their contents),
-- `abrufprotokoll`, `cockpitlog` or `nachweise` (audit). Says how many rows went; NULL where messages are left that are not
-- over, or the month is not there.
--
-- A function of the owner, because the running program has no right to drop tables and shall not get it: with this function it
-- can drop a month that is over and nothing else. What "over" means is looked at here once more and not believed: the month has
-- ended before `bis`; it is older than the shortest period that may be configured, by the server's own clock (stages test and
-- demo run under clocks of theirs); and of messages none waits, is held or has still to leave.
-- Dropping locks the parent for a moment; where that moment does not come within two seconds, the next run tries again.
CREATE FUNCTION monat_raeumen(was text, monat integer, bis bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
SET search_path = drehscheibe, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  tage bigint;
  tabellen text[];
  tabelle text;
  beginn timestamp;
  ende bigint;
  eigene_uhr boolean;
  offen boolean;
  n bigint;
  gezaehlt bigint := 0;
BEGIN
  CASE was
    WHEN 'nachrichten' THEN tage := 7; tabellen := ARRAY['outbox', 'inbox', 'sealed'];
    WHEN 'abrufprotokoll' THEN tage := 59; tabellen := ARRAY['abrufprotokoll'];
    WHEN 'cockpitlog' THEN tage := 730; tabellen := ARRAY['cockpitlog'];
    WHEN 'nachweise' THEN tage := 730; tabellen := ARRAY['audit'];
    ELSE RAISE EXCEPTION 'no such data' USING ERRCODE = 'invalid_parameter_value';
  END CASE;
  IF monat < 190001 OR monat > 999912 OR monat % 100 NOT BETWEEN 1 AND 12 THEN
    RAISE EXCEPTION 'no month' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  beginn := make_timestamp(monat / 100, monat % 100, 1, 0, 0, 0);
  ende := (extract(epoch FROM beginn + interval '1 month') * 1000000)::bigint;
  SELECT coalesce((SELECT value IN ('test', 'demo') FROM meta WHERE name = 'stage'), false) INTO eigene_uhr;
  IF ende > bis OR (NOT eigene_uhr AND beginn + interval '1 month' + tage * interval '1 day' > clock_timestamp() AT TIME ZONE 'UTC') THEN
    RAISE EXCEPTION 'the month is not over' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  IF to_regclass(format('drehscheibe.%I', format('%s_%s', tabellen[1], monat))) IS NULL THEN
    RETURN NULL;
  END IF;
  -- The same turn as the making of months.
  PERFORM pg_advisory_xact_lock(20033, 1);
  IF was = 'nachrichten' THEN
    -- Nobody may begin to send or run one of them between this look and the drop.
    EXECUTE format('LOCK TABLE %I, %I IN SHARE ROW EXCLUSIVE MODE', 'inbox_' || monat, 'outbox_' || monat);
    EXECUTE format('SELECT EXISTS (SELECT 1 FROM %1$I i WHERE i.committed >= $1 OR i.state IN (''waiting'', ''parked'', ''quarantined'')
        OR EXISTS (SELECT 1 FROM outbox o WHERE o.cause = i.id AND o.state <> ''sent''))
      OR EXISTS (SELECT 1 FROM waiting w WHERE w.inbox >= $2 AND w.inbox < $3)
      OR EXISTS (SELECT 1 FROM %2$I o WHERE o.state <> ''sent'' OR o.settled IS NULL OR o.settled >= $1
        OR EXISTS (SELECT 1 FROM outbox n WHERE n.after = o.id AND n.state <> ''sent''))', 'inbox_' || monat, 'outbox_' || monat)
      INTO offen USING bis, monat::bigint << 40, (monat + 1)::bigint << 40;
    IF offen THEN
      RETURN NULL;
    END IF;
  END IF;
  IF was = 'nachweise' THEN
    EXECUTE format('INSERT INTO strang_anfang AS s (strang, glied, chain)
      SELECT DISTINCT ON (a.strang) a.strang, a.glied, a.chain FROM %I a ORDER BY a.strang, a.glied DESC
      ON CONFLICT (strang) DO UPDATE SET glied = excluded.glied, chain = excluded.chain WHERE s.glied < excluded.glied',
      'audit_' || monat);
  END IF;
  FOREACH tabelle IN ARRAY tabellen LOOP
    IF tabelle <> 'sealed' THEN
      EXECUTE format('SELECT count(*) FROM %I', format('%s_%s', tabelle, monat)) INTO n;
      gezaehlt := gezaehlt + n;
    END IF;
    EXECUTE format('DROP TABLE %I', format('%s_%s', tabelle, monat));
  END LOOP;
  RETURN gezaehlt;
END $$;
REVOKE ALL ON FUNCTION monat_raeumen(text, integer, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION monat_raeumen(text, integer, bigint) TO drehscheibe_lauf;
