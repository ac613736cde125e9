SELECT min(due) FROM followed WHERE state = 'open'
