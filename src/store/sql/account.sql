-- account_insert: a new account
-- do
-- in: id int, login text, name text, org text, password text, roles text, regions text, orgs text,
--     clearance int, created int
INSERT INTO account (id, login, name, org, password, roles, regions, orgs, clearance, disabled, created, failures)
VALUES (:id, :login, :name, :org, :password, :roles, :regions, :orgs, :clearance, FALSE, :created, 0);

-- account_by_login: what a sign-in needs
-- one
-- in: login text
-- out: id int, password text, disabled bool, failures int, failed int?, locked int?
SELECT id, password, disabled, failures, failed, locked FROM account WHERE login = :login;

-- account_password: a new password; forgets failures
-- do
-- in: login text, password text
UPDATE account SET password = :password, failures = 0, failed = NULL, locked = NULL WHERE login = :login;

-- account_failures: counts wrong passwords
-- do
-- in: id int, failures int, failed int?, locked int?
UPDATE account SET failures = :failures, failed = :failed, locked = :locked WHERE id = :id;

-- account_all: every account, without secrets
-- many
-- out: id int, login text, name text, org text, roles text, disabled bool
SELECT id, login, name, org, roles, disabled FROM account ORDER BY login;
