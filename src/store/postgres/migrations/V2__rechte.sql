-- Who may do what. Three roles without login; the login of the running program is a member of all three and owns nothing:
--   drehscheibe_lauf   the engine's own transactions: all rows, no DDL
--   drehscheibe_abruf  the steps' lookup across Mandanten: reads what decisions rest on, and nothing else
--   drehscheibe_sicht  reading for people and partners: only rows of the scope that the transaction was given
-- Roles belong to the whole server: they are made once, by whoever may.
DO $$
DECLARE
  rolle text;
BEGIN
  FOREACH rolle IN ARRAY ARRAY['drehscheibe_lauf', 'drehscheibe_abruf', 'drehscheibe_sicht'] LOOP
    BEGIN
      IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = rolle) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', rolle);
      END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL;   -- another database of the server was faster
    END;
  END LOOP;
END $$;

GRANT USAGE ON SCHEMA drehscheibe TO drehscheibe_lauf, drehscheibe_abruf, drehscheibe_sicht;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA drehscheibe TO drehscheibe_lauf;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA drehscheibe TO drehscheibe_lauf;
GRANT EXECUTE ON FUNCTION monat_anlegen(integer) TO drehscheibe_lauf;
REVOKE INSERT, UPDATE, DELETE ON refinery_schema_history FROM drehscheibe_lauf;
-- What was written down stays: no change, and of the audit only the salt goes.
REVOKE UPDATE, DELETE ON abrufprotokoll, audit, cockpitlog FROM drehscheibe_lauf;
GRANT UPDATE (salt) ON audit TO drehscheibe_lauf;

GRANT SELECT ON mirror, mirror_key, vorgang, tombstone, bestand, guard, idempotency, sealed, stamp, mandant_key
  TO drehscheibe_abruf;

GRANT SELECT ON inbox, inbox_id, outbox, outbox_id, lane, stamp, mandant_key, repeats, mirror, vorgang, timer
  TO drehscheibe_sicht;
-- Of contents only what became of them; bodies are read by the engine after the scope has let the row pass.
GRANT SELECT (nr, mandant_key, subject_key, data_key, note) ON sealed TO drehscheibe_sicht;

-- What the transaction's scope lets through. Without a scope nothing.
CREATE FUNCTION sicht_mandant(mandant text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE current_setting('drehscheibe.sicht', true)
    WHEN 'alle' THEN true
    WHEN 'mandant' THEN mandant = current_setting('drehscheibe.mandant', true)
    WHEN 'partner' THEN mandant = current_setting('drehscheibe.mandant', true)
    ELSE false END
$$;
CREATE FUNCTION sicht_partner(partner text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE current_setting('drehscheibe.sicht', true)
    WHEN 'alle' THEN true
    WHEN 'mandant' THEN true
    WHEN 'partner' THEN partner = current_setting('drehscheibe.partner', true)
    ELSE false END
$$;

DO $$
DECLARE
  tabelle text;
BEGIN
  -- The engine sees all rows; so does the lookup, of the tables it may read at all.
  FOREACH tabelle IN ARRAY ARRAY['stamp', 'inbox', 'outbox', 'sealed', 'repeats', 'mirror', 'mirror_key', 'vorgang', 'timer',
    'tombstone', 'bestand', 'abrufprotokoll', 'audit', 'cockpitlog', 'waiting'] LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tabelle);
    EXECUTE format('CREATE POLICY lauf ON %I TO drehscheibe_lauf USING (true) WITH CHECK (true)', tabelle);
    EXECUTE format('CREATE POLICY abruf ON %I FOR SELECT TO drehscheibe_abruf USING (true)', tabelle);
  END LOOP;
END $$;

CREATE POLICY sicht ON stamp FOR SELECT TO drehscheibe_sicht USING (sicht_mandant(mandant));
CREATE POLICY sicht ON repeats FOR SELECT TO drehscheibe_sicht USING (sicht_mandant(mandant) AND sicht_partner(partner));
-- Rows of a stamp that the scope lets through; the list of stamps is short and built once per statement.
CREATE POLICY sicht ON inbox FOR SELECT TO drehscheibe_sicht
  USING (stamp IN (SELECT s.nr FROM stamp s WHERE sicht_partner(s.partner)));
CREATE POLICY sicht ON mirror FOR SELECT TO drehscheibe_sicht
  USING (stamp IN (SELECT s.nr FROM stamp s WHERE sicht_partner(s.partner)));
CREATE POLICY sicht ON vorgang FOR SELECT TO drehscheibe_sicht
  USING (stamp IN (SELECT s.nr FROM stamp s WHERE sicht_partner(s.partner)));
CREATE POLICY sicht ON timer FOR SELECT TO drehscheibe_sicht
  USING (stamp IN (SELECT s.nr FROM stamp s WHERE sicht_partner(s.partner)));
-- A partner sees what goes to itself, not who else is told.
CREATE POLICY sicht ON outbox FOR SELECT TO drehscheibe_sicht
  USING (stamp IN (SELECT s.nr FROM stamp s) AND sicht_partner(partner));
CREATE POLICY sicht ON sealed FOR SELECT TO drehscheibe_sicht
  USING (EXISTS (SELECT 1 FROM inbox i WHERE i.nr = sealed.nr) OR EXISTS (SELECT 1 FROM outbox o WHERE o.nr = sealed.nr));
