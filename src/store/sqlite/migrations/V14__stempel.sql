-- When the author of a delivery says that it made it: where that lies ahead of the receipt, the moment is that of its way only. NULL: noted
-- by the program before this one, by the moment alone. Only adds, so that that program still reads and writes the file.
ALTER TABLE lieferung ADD COLUMN stempel INTEGER;
