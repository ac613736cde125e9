-- At most one row for each partner, and asked for only where a stamp lies ahead.
SELECT c.partner, c.seen, c.ahead FROM sender_clock c ORDER BY c.partner
