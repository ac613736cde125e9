-- Waits for what is being done under the fence of now (`duty_act`): the next fence begins when that is committed or undone.
SELECT fence FROM duty WHERE name = $1 FOR UPDATE
