-- session_insert: a sign-in
-- do
-- in: token text, account int, csrf text, at int, remote text, provider bool
INSERT INTO session (token, account, csrf, created, seen, remote, provider)
VALUES (:token, :account, :csrf, :at, :at, :remote, :provider);

-- session_who: the account behind a token that is still good
-- one
-- in: token text, seen_after int, created_after int
-- out: account int, csrf text, seen int, raised int?, provider bool, login text, name text, org text, roles text, regions text,
--      orgs text, clearance int, password_at int, must_change bool, second_factor bool
SELECT s.account, s.csrf, s.seen, s.raised, s.provider, a.login, a.name, a.org, a.roles, a.regions, a.orgs, a.clearance,
    COALESCE(a.password_at, a.created), a.must_change, f.account IS NOT NULL
FROM session s JOIN account a ON a.id = s.account
    LEFT JOIN second_factor f ON f.account = a.id AND f.confirmed
WHERE s.token = :token AND s.seen > :seen_after AND s.created > :created_after AND NOT a.disabled;

-- session_of: the sessions of an account that are still good, newest first
-- many
-- in: account int, seen_after int, created_after int
-- out: token text, created int, seen int, remote text
SELECT token, created, seen, remote FROM session
WHERE account = :account AND seen > :seen_after AND created > :created_after ORDER BY created DESC, token;

-- session_seen: it was used
-- do
-- in: token text, seen int
UPDATE session SET seen = :seen WHERE token = :token AND seen < :seen;

-- session_raise: until when it sees one level more
-- do
-- in: token text, until int
UPDATE session SET raised = :until WHERE token = :token;

-- session_drop: a sign-out
-- do
-- in: token text
DELETE FROM session WHERE token = :token;

-- session_drop_of: ends all sessions of an account
-- do
-- in: login text
DELETE FROM session WHERE account = (SELECT id FROM account WHERE login = :login);

-- session_drop_others: ends all of an account but one
-- do
-- in: account int, token text
DELETE FROM session WHERE account = :account AND token <> :token;

-- session_expire: forgets those not used since
-- do
-- in: seen_before int
DELETE FROM session WHERE seen < :seen_before;
