SELECT partner, seen, ahead FROM sender_clock
