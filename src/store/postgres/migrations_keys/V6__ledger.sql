-- The deletion ledger: what was deleted, written in the act that destroys the key. It stands here because it must not go back
-- with a backup. Blind keys and numbers only, never a person. Entries are written and stay.
CREATE TABLE ledger (
  nr bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id uuid NOT NULL UNIQUE,                 -- drawn with the deletion, so that writing it twice is harmless
  at bigint NOT NULL, class text NOT NULL, kind text NOT NULL,
  record uuid, subject_key bigint, keys bytea NOT NULL, created bigint, until bigint
);

-- Counted with each start and each backup; a database with a smaller number is older than these keys. One row.
CREATE TABLE epoch (one bigint PRIMARY KEY CHECK (one = 1), n bigint NOT NULL);
INSERT INTO epoch VALUES (1, 0);

GRANT SELECT, INSERT ON ledger TO drehscheibe_lauf;
GRANT SELECT, UPDATE ON epoch TO drehscheibe_lauf;
