-- account_insert: a new account
-- do
-- in: id int, login text, name text, org text, password text, roles text, regions text, orgs text,
--     clearance int, created int, must_change bool
INSERT INTO account (id, login, name, org, password, roles, regions, orgs, clearance, disabled, created, failures,
    password_at, must_change)
VALUES (:id, :login, :name, :org, :password, :roles, :regions, :orgs, :clearance, FALSE, :created, 0,
    :created, :must_change);

-- account_by_login: what a sign-in needs
-- one
-- in: login text
-- out: id int, name text, password text, disabled bool, failures int, failed int?, locked int?, secret text?, step int?
SELECT a.id, a.name, a.password, a.disabled, a.failures, a.failed, a.locked, f.secret, f.step
FROM account a LEFT JOIN second_factor f ON f.account = a.id AND f.confirmed
WHERE a.login = :login;

-- account_password: a new password; forgets failures
-- do
-- in: login text, password text, at int, must_change bool
UPDATE account SET password = :password, password_at = :at, must_change = :must_change,
    failures = 0, failed = NULL, locked = NULL
WHERE login = :login;

-- account_failures: counts wrong passwords
-- do
-- in: id int, failures int, failed int?, locked int?
UPDATE account SET failures = :failures, failed = :failed, locked = :locked WHERE id = :id;

-- account_all: every account, without secrets
-- many
-- out: id int, login text, name text, org text, roles text, regions text, orgs text, clearance int,
--      disabled bool, created int, password_at int, must_change bool, locked int?, second_factor bool
SELECT a.id, a.login, a.name, a.org, a.roles, a.regions, a.orgs, a.clearance, a.disabled, a.created,
    COALESCE(a.password_at, a.created), a.must_change, a.locked, f.account IS NOT NULL
FROM account a LEFT JOIN second_factor f ON f.account = a.id AND f.confirmed
ORDER BY a.login;

-- account_get: one of them
-- one
-- in: login text
-- out: id int, login text, name text, org text, roles text, regions text, orgs text, clearance int,
--      disabled bool, created int, password_at int, must_change bool, locked int?, second_factor bool
SELECT a.id, a.login, a.name, a.org, a.roles, a.regions, a.orgs, a.clearance, a.disabled, a.created,
    COALESCE(a.password_at, a.created), a.must_change, a.locked, f.account IS NOT NULL
FROM account a LEFT JOIN second_factor f ON f.account = a.id AND f.confirmed
WHERE a.login = :login;

-- account_change: everything of it that an administrator may change
-- do
-- in: id int, name text, org text, roles text, regions text, orgs text, clearance int, disabled bool
UPDATE account SET name = :name, org = :org, roles = :roles, regions = :regions, orgs = :orgs,
    clearance = :clearance, disabled = :disabled
WHERE id = :id;

-- account_admins: how many may sign in and are administrators
-- one
-- out: n int
SELECT count(*) FROM account WHERE NOT disabled AND ' ' || roles || ' ' LIKE '% admin %';
