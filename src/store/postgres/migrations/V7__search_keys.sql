-- The server's check of each search key's record cost as much as writing the key: six checks for each delivery. Keys are written with
-- their record and deleted before it in one transaction, and a record that is gone is found by no key: the look-up joins. Only takes a
-- check away, so that the program before this one runs beside it.
ALTER TABLE mirror_key DROP CONSTRAINT mirror_key_mirror_fkey;
