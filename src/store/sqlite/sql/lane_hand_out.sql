-- Hands a lane out to a reader: `decide::handed_anew` says by which fence.
UPDATE lane SET lease_until = ?2, worker = ?3, fence = ?5, handed = ?4 WHERE row = ?1
