-- In which version of the keys (`register/keys.rs`, `VERSION`), and of which message's record, the search keys of a row were made. The
-- program before this one knows neither column: what it stored, or changes meanwhile, is of a version before and gets its keys by the job
-- (`store/rekey.rs`), whose note of its own (`schluessel_stand`) is kept for it. A version more needs a migration with an index like this
-- one and its number in the statements that name it. Only adds.
ALTER TABLE mirror ADD COLUMN schluessel_von uuid, ADD COLUMN schluessel_version smallint;
CREATE INDEX mirror_schluessel_vor_2 ON mirror (stamp, nr)
  WHERE (schluessel_von IS DISTINCT FROM cause OR coalesce(schluessel_version, 0) < 2);
