-- Hands a lane out to a reader: `decide::handed_anew` says by which fence. It belongs to no process.
UPDATE lane SET lease_until = $2, worker = $3, lauf = NULL, fence = $5, handed = $4 WHERE nr = $1
