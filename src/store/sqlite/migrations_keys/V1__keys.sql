-- The store of child and Vorgang keys: outside the backup set, so that destroying a key also reaches the backups.

-- Which store the keys belong to.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- Keys, wrapped by their Mandant's key. They are made in advance: a key is durable before any row can need it.
-- Numbers are never used twice.
CREATE TABLE subject_key (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  mandant_key INTEGER NOT NULL,
  wrapped BLOB NOT NULL
);
