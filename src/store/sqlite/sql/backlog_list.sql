SELECT connection, partner, since, looked, emptied FROM backlog ORDER BY connection, partner
