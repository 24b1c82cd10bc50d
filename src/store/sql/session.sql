-- session_insert: a sign-in
-- do
-- in: token text, account int, csrf text, at int, remote text
INSERT INTO session (token, account, csrf, created, seen, remote)
VALUES (:token, :account, :csrf, :at, :at, :remote);

-- session_who: the account behind a token that is still good
-- one
-- in: token text, seen_after int, created_after int
-- out: account int, csrf text, seen int, login text, name text, org text, roles text, regions text, orgs text,
--      clearance int
SELECT s.account, s.csrf, s.seen, a.login, a.name, a.org, a.roles, a.regions, a.orgs, a.clearance
FROM session s JOIN account a ON a.id = s.account
WHERE s.token = :token AND s.seen > :seen_after AND s.created > :created_after AND NOT a.disabled;

-- session_seen: it was used
-- do
-- in: token text, seen int
UPDATE session SET seen = :seen WHERE token = :token AND seen < :seen;

-- session_drop: a sign-out
-- do
-- in: token text
DELETE FROM session WHERE token = :token;

-- session_drop_of: ends all sessions of an account
-- do
-- in: login text
DELETE FROM session WHERE account = (SELECT id FROM account WHERE login = :login);

-- session_expire: forgets those not used since
-- do
-- in: seen_before int
DELETE FROM session WHERE seen < :seen_before;
