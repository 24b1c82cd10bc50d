-- token_insert: a new API token
-- do
-- in: id int, account int, token text, name text, roles text, read_only bool, created int, expires int
INSERT INTO api_token (id, account, token, name, roles, read_only, created, expires)
VALUES (:id, :account, :token, :name, :roles, :read_only, :created, :expires);

-- token_count: how many an account has
-- one
-- in: account int
-- out: n int
SELECT count(*) FROM api_token WHERE account = :account;

-- token_of: those of an account, newest first
-- many
-- in: account int
-- out: id int, name text, roles text, read_only bool, created int, expires int, used int?
SELECT id, name, roles, read_only, created, expires, used FROM api_token WHERE account = :account ORDER BY id DESC;

-- token_who: the account behind a token that is still good
-- one
-- in: token text, now int
-- out: account int, token_roles text, read_only bool, used int?, login text, name text, org text, roles text,
--      regions text, orgs text, clearance int
SELECT t.account, t.roles, t.read_only, t.used, a.login, a.name, a.org, a.roles, a.regions, a.orgs, a.clearance
FROM api_token t JOIN account a ON a.id = t.account
WHERE t.token = :token AND t.expires > :now AND NOT a.disabled;

-- token_used: it was used
-- do
-- in: token text, used int
UPDATE api_token SET used = :used WHERE token = :token AND (used IS NULL OR used < :used);

-- token_drop: ends one of an account
-- do
-- in: id int, account int
DELETE FROM api_token WHERE id = :id AND account = :account;

-- token_drop_of: ends all of an account
-- do
-- in: account int
DELETE FROM api_token WHERE account = :account;
