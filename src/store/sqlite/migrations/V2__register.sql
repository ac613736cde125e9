-- What the register needs besides: the restricted record of a Vorgang, the Bestand of each Jugendamt, and sends that do not
-- leave before a time. Only adds, so that the program before this one still reads the file.
ALTER TABLE vorgang ADD COLUMN sealed INTEGER REFERENCES sealed;
ALTER TABLE outbox ADD COLUMN not_before INTEGER;

-- Counting a partner's records must not read the whole mirror.
CREATE INDEX mirror_stamp ON mirror (stamp);
CREATE INDEX vorgang_stamp ON vorgang (stamp);

-- Completeness and freshness of each Jugendamt's register, sealed.
CREATE TABLE bestand (
  key BLOB PRIMARY KEY, stamp INTEGER NOT NULL REFERENCES stamp, traceparent TEXT NOT NULL,
  changed INTEGER NOT NULL, sealed INTEGER NOT NULL REFERENCES sealed
) WITHOUT ROWID;
