SELECT DISTINCT connection FROM backlog
