-- delegation_put: somebody may act for somebody
-- do
-- in: id int, giver int, taker int, begins int, ends int, reason text, created int
INSERT INTO delegation (id, giver, taker, begins, ends, reason, created)
VALUES (:id, :giver, :taker, :begins, :ends, :reason, :created);

-- delegation_of: those of an account that are not over, given and taken
-- many
-- in: account int, now int
-- out: id int, giver int, from_login text, from_name text, to_login text, to_name text, begins int, ends int, reason text
SELECT d.id, d.giver, g.login, g.name, t.login, t.name, d.begins, d.ends, d.reason
FROM delegation d JOIN account g ON g.id = d.giver JOIN account t ON t.id = d.taker
WHERE (d.giver = :account OR d.taker = :account) AND d.ends > :now ORDER BY d.begins, d.id;

-- delegation_now: for whom an account acts now
-- many
-- in: taker int, now int
-- out: login text, name text, org text, roles text, orgs text
SELECT g.login, g.name, g.org, g.roles, g.orgs
FROM delegation d JOIN account g ON g.id = d.giver
WHERE d.taker = :taker AND d.begins <= :now AND d.ends > :now AND NOT g.disabled ORDER BY d.id;

-- delegation_end: it is over
-- do
-- in: id int, account int, now int
UPDATE delegation SET ends = :now
WHERE id = :id AND (giver = :account OR taker = :account) AND ends > :now;
