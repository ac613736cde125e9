-- Of which message's record the search keys of a row were made by this program: a row of the program before has keys of the version
-- before, and gets those of this one by a job while the house runs (`store/rekey.rs`). Only adds, so that the program before this one
-- still reads and writes the file; what it writes the job does again.
ALTER TABLE mirror ADD COLUMN schluessel_stand BLOB;
CREATE INDEX mirror_alte_schluessel ON mirror (stamp) WHERE schluessel_stand IS NOT cause;
CREATE INDEX stamp_partner ON stamp (partner);
