-- Of which message's record the search keys of a row were made by this program: a row of the program before has keys of the version
-- before, and gets those of this one by a job while the house runs (`store/rekey.rs`). Only adds, so that the program before this one
-- runs beside it; what it writes meanwhile the job does again.
ALTER TABLE mirror ADD COLUMN schluessel_stand uuid;
CREATE INDEX mirror_alte_schluessel ON mirror (stamp, nr) WHERE schluessel_stand IS DISTINCT FROM cause;
