-- Time is a claim: in which order an office delivered, how many records that made, and whose clock was ahead. Only adds, so that the
-- program before this one runs beside it.

-- Deliveries of each partner by their moment, the earlier of stamp and receipt, whatever their verdict was; and how many records of the
-- partner came or went with them. A row without uuid: records that came or went otherwise, or by another's delivery.
CREATE TABLE lieferung (
  partner text NOT NULL, moment bigint NOT NULL,
  uuid bytea NOT NULL,                     -- HMAC of the key of idempotency
  delta bigint NOT NULL,
  PRIMARY KEY (partner, moment, uuid)
);

-- What came before this: the newest delivery of each partner, by its receipt, is known to be the newest one.
INSERT INTO lieferung (partner, moment, uuid, delta)
SELECT n.partner, n.received, k.key, 0 FROM (
  SELECT DISTINCT ON (s.partner) s.partner, d.id, d.received
  FROM stamp s CROSS JOIN LATERAL (
    SELECT i.id, i.received, i.nr FROM inbox i
    WHERE i.stamp = s.nr AND i.state <> 'denied' AND i.message ~ '[.]080[456]$' ORDER BY i.nr DESC LIMIT 1
  ) d
  ORDER BY s.partner, d.received DESC, d.nr DESC
) n JOIN idempotency k ON k.message = n.id
ON CONFLICT DO NOTHING;

-- A deletion was made at the latest when it was received, which is ninety days before its tombstone may go.
UPDATE tombstone SET created = until - 7776000000000 WHERE created > until - 7776000000000;

-- Partners whose clock was ahead of ours, when that was noted last and by how much (microseconds).
CREATE TABLE sender_clock (partner text PRIMARY KEY, seen bigint NOT NULL, ahead bigint NOT NULL);

GRANT SELECT, INSERT, UPDATE, DELETE ON lieferung, sender_clock TO drehscheibe_lauf;
GRANT SELECT ON lieferung, sender_clock TO drehscheibe_abruf;
ALTER TABLE lieferung ENABLE ROW LEVEL SECURITY;
ALTER TABLE sender_clock ENABLE ROW LEVEL SECURITY;
CREATE POLICY lauf ON lieferung TO drehscheibe_lauf USING (true) WITH CHECK (true);
CREATE POLICY abruf ON lieferung FOR SELECT TO drehscheibe_abruf USING (true);
CREATE POLICY lauf ON sender_clock TO drehscheibe_lauf USING (true) WITH CHECK (true);
CREATE POLICY abruf ON sender_clock FOR SELECT TO drehscheibe_abruf USING (true);

-- From a key of a Registersatz to the Vorgaenge whose Auskunft was read from it; both keys are blind. Goes with the Vorgang.
CREATE TABLE vorgang_spur (
  key bytea NOT NULL, vorgang bytea NOT NULL REFERENCES vorgang (key) ON DELETE CASCADE, PRIMARY KEY (key, vorgang)
);
CREATE INDEX vorgang_spur_vorgang ON vorgang_spur (vorgang);
GRANT SELECT, INSERT, DELETE ON vorgang_spur TO drehscheibe_lauf;
GRANT SELECT ON vorgang_spur TO drehscheibe_abruf;
ALTER TABLE vorgang_spur ENABLE ROW LEVEL SECURITY;
CREATE POLICY lauf ON vorgang_spur TO drehscheibe_lauf USING (true) WITH CHECK (true);
CREATE POLICY abruf ON vorgang_spur FOR SELECT TO drehscheibe_abruf USING (true);
