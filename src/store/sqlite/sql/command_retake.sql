-- Taken by a run that ended before it could answer.
UPDATE command SET state = 'waiting' WHERE state = 'taken'
