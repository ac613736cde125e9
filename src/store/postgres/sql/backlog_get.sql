SELECT partner, min(coalesce(since, looked)) FROM backlog WHERE partner = ANY($1::text[]) GROUP BY partner
