-- Devices that sent under a code no thing has, and what was decided about them. state: waiting, ignored, blocked,
-- adopted (as the record kind/code at revision rev), merged (their readings are those of the thing `target`).
CREATE TABLE quarantine (
	code TEXT PRIMARY KEY,
	state TEXT NOT NULL,
	kind TEXT NOT NULL DEFAULT '',
	target TEXT NOT NULL DEFAULT '',
	rev INT NOT NULL DEFAULT 0,
	protocol TEXT NOT NULL,
	source TEXT NOT NULL,
	first INT NOT NULL,
	decided INT,
	account TEXT NOT NULL DEFAULT '',
	note TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX quarantine_state ON quarantine (state, code);
