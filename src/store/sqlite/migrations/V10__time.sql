-- Time is a claim: in which order an office delivered, how many records that made, and whose clock was ahead. Only adds, so that the
-- program before this one still reads and writes the file.

-- Deliveries of each partner by their moment, the earlier of stamp and receipt, whatever their verdict was; and how many records of the
-- partner came or went with them. A row without uuid: records that came or went otherwise, or by another's delivery.
CREATE TABLE lieferung (
  partner TEXT NOT NULL, moment INTEGER NOT NULL,
  uuid BLOB NOT NULL,                      -- HMAC of the key of idempotency
  delta INTEGER NOT NULL,
  PRIMARY KEY (partner, moment, uuid)
) WITHOUT ROWID;

-- What came before this: the newest delivery of each partner, by its receipt, is known to be the newest one.
INSERT OR IGNORE INTO lieferung (partner, moment, uuid, delta)
SELECT n.partner, n.received, k.key, 0 FROM (
  SELECT s.partner, i.id, i.received, row_number() OVER (PARTITION BY s.partner ORDER BY i.received DESC, i.row DESC) AS nth
  FROM inbox i JOIN stamp s ON s.row = i.stamp
  WHERE i.state <> 'denied' AND (i.message LIKE '%.0804' OR i.message LIKE '%.0805' OR i.message LIKE '%.0806')
) n JOIN idempotency k ON k.message = n.id WHERE n.nth = 1;

-- A deletion was made at the latest when it was received, which is ninety days before its tombstone may go.
UPDATE tombstone SET created = until - 7776000000000 WHERE created > until - 7776000000000;

-- Partners whose clock was ahead of ours, when that was noted last and by how much (microseconds).
CREATE TABLE sender_clock (partner TEXT PRIMARY KEY, seen INTEGER NOT NULL, ahead INTEGER NOT NULL) WITHOUT ROWID;

-- From a key of a Registersatz to the Vorgaenge whose Auskunft was read from it; both keys are blind. Goes with the Vorgang.
CREATE TABLE vorgang_spur (
  key BLOB NOT NULL, vorgang BLOB NOT NULL REFERENCES vorgang (key) ON DELETE CASCADE, PRIMARY KEY (key, vorgang)
) WITHOUT ROWID;
CREATE INDEX vorgang_spur_vorgang ON vorgang_spur (vorgang);
