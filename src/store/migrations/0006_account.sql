-- What accounts have beside a password. Secrets that are only compared are SHA-256 of what was handed out.
ALTER TABLE account ADD COLUMN password_at INT;
ALTER TABLE account ADD COLUMN must_change BOOL NOT NULL DEFAULT FALSE;

-- Until when the session sees one level more.
ALTER TABLE session ADD COLUMN raised INT;
-- Somebody else saw to password and second factor.
ALTER TABLE session ADD COLUMN provider BOOL NOT NULL DEFAULT FALSE;
CREATE INDEX session_account ON session (account);

-- roles: by blanks, of those that the account has; what it lost since does not count.
CREATE TABLE api_token (
	id INT PRIMARY KEY,
	account INT NOT NULL REFERENCES account (id),
	token TEXT NOT NULL UNIQUE,
	name TEXT NOT NULL,
	roles TEXT NOT NULL,
	read_only BOOL NOT NULL,
	created INT NOT NULL,
	expires INT NOT NULL,
	used INT
);
CREATE INDEX api_token_account ON api_token (account);

-- secret: the key of RFC 6238 in base32. step: the last one whose code was taken.
CREATE TABLE second_factor (
	account INT PRIMARY KEY REFERENCES account (id),
	secret TEXT NOT NULL,
	confirmed BOOL NOT NULL,
	step INT NOT NULL,
	created INT NOT NULL
);

CREATE TABLE recovery_code (
	account INT NOT NULL REFERENCES account (id),
	code TEXT NOT NULL,
	PRIMARY KEY (account, code)
);

-- A sign-in that has gone to the provider and has not come back.
CREATE TABLE oidc_try (
	state TEXT PRIMARY KEY,
	nonce TEXT NOT NULL,
	verifier TEXT NOT NULL,
	at INT NOT NULL
);

-- `taker` acts for `giver`.
CREATE TABLE delegation (
	id INT PRIMARY KEY,
	giver INT NOT NULL REFERENCES account (id),
	taker INT NOT NULL REFERENCES account (id),
	begins INT NOT NULL,
	ends INT NOT NULL,
	reason TEXT NOT NULL,
	created INT NOT NULL
);
CREATE INDEX delegation_taker ON delegation (taker, ends);
CREATE INDEX delegation_giver ON delegation (giver, ends);

-- Whom a step of a case was done for.
ALTER TABLE case_step ADD COLUMN for_account TEXT NOT NULL DEFAULT '';
ALTER TABLE case_step ADD COLUMN for_name TEXT NOT NULL DEFAULT '';

-- What one administrator asked for and another must confirm. payload: the change as JSON.
CREATE TABLE approval (
	id INT PRIMARY KEY,
	login TEXT NOT NULL,
	payload TEXT NOT NULL,
	asked_by TEXT NOT NULL,
	asked INT NOT NULL,
	state TEXT NOT NULL,
	decided_by TEXT NOT NULL,
	decided INT
);
