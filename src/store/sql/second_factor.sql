-- factor_put: a secret that waits for its first code; a confirmed one stays
-- do
-- in: account int, secret text, created int
INSERT INTO second_factor (account, secret, confirmed, step, created) VALUES (:account, :secret, FALSE, 0, :created)
ON CONFLICT (account) DO UPDATE SET secret = excluded.secret, created = excluded.created
WHERE NOT second_factor.confirmed;

-- factor_all: every secret, for sealing
-- many
-- in:
-- out: account int, secret text
SELECT account, secret FROM second_factor ORDER BY account;

-- factor_reseal: the same secret under another key
-- do
-- in: account int, secret text
UPDATE second_factor SET secret = :secret WHERE account = :account;

-- factor_get: the second factor of an account
-- one
-- in: account int
-- out: secret text, confirmed bool, step int
SELECT secret, confirmed, step FROM second_factor WHERE account = :account;

-- factor_confirm: its first code was right
-- do
-- in: account int, step int
UPDATE second_factor SET confirmed = TRUE, step = :step WHERE account = :account AND NOT confirmed;

-- factor_step: takes a code; none changed if it was taken before
-- do
-- in: account int, step int
UPDATE second_factor SET step = :step WHERE account = :account AND confirmed AND step < :step;

-- factor_drop: without a second factor
-- do
-- in: account int
DELETE FROM second_factor WHERE account = :account;

-- recovery_put: one code for when the second factor is lost
-- do
-- in: account int, code text
INSERT INTO recovery_code (account, code) VALUES (:account, :code);

-- recovery_take: uses one up; none changed if there is no such code
-- do
-- in: account int, code text
DELETE FROM recovery_code WHERE account = :account AND code = :code;

-- recovery_drop_of: forgets all
-- do
-- in: account int
DELETE FROM recovery_code WHERE account = :account;

-- recovery_count: how many are left
-- one
-- in: account int
-- out: n int
SELECT count(*) FROM recovery_code WHERE account = :account;
