-- With which Aktenzeichen of the office a first person released what a delivery opened: a second one has to come with the same.
-- Only adds, so that the program before this one still reads the file; what that one released begins anew.
ALTER TABLE objection ADD COLUMN released_for TEXT;
