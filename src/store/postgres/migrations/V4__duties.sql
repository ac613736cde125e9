-- What one process does alone: a leased row with a fence, as lanes are. Only adds; the program before this one, running beside,
-- knows no duties and does all of it itself, which is harmless because its effects are keyed.
CREATE TABLE duty (
  name text PRIMARY KEY,                   -- such as `source lieferungen`
  worker text NOT NULL, lauf bigint NOT NULL,   -- who took it last
  fence bigint NOT NULL,                   -- grows each time that it is taken; the row stays, so no fence comes twice
  since bigint NOT NULL,
  lease_until bigint                       -- NULL: given back
) WITH (fillfactor = 50);

-- No row ever goes. Names are words of the configuration: nothing to hide from a scope.
GRANT SELECT, INSERT, UPDATE ON duty TO drehscheibe_lauf;
