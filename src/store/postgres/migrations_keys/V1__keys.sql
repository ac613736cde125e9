-- The store of child and Vorgang keys, in the schema `schluessel` of its own database or of the house's: outside the backup
-- set, so that destroying a key also reaches the backups.
DO $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'drehscheibe_lauf') THEN
    CREATE ROLE drehscheibe_lauf NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;   -- another database of the server was faster
END $$;

-- Which store the keys belong to.
CREATE TABLE meta (name text PRIMARY KEY, value text NOT NULL);

-- Keys, wrapped by their Mandant's key. They are made in advance: a key is durable before any row can need it.
-- The number is drawn first, because the wrapping is bound to it; numbers are never used twice.
CREATE SEQUENCE schluessel;
CREATE TABLE subject_key (nr bigint PRIMARY KEY, mandant_key bigint NOT NULL, wrapped bytea NOT NULL);

GRANT USAGE ON SCHEMA schluessel TO drehscheibe_lauf;
GRANT SELECT, INSERT ON meta TO drehscheibe_lauf;
GRANT SELECT, INSERT, DELETE ON subject_key TO drehscheibe_lauf;
GRANT USAGE ON SEQUENCE schluessel TO drehscheibe_lauf;
GRANT SELECT ON refinery_schema_history TO drehscheibe_lauf;
