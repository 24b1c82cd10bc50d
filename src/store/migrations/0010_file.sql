-- Files that records hold, by their SHA-256: one row however often a file comes. used: a record has named it; others
-- are dropped after a day.
CREATE TABLE file (
	hash TEXT PRIMARY KEY,
	size INT NOT NULL,
	type TEXT NOT NULL,
	bytes BLOB NOT NULL,
	used BOOL NOT NULL,
	at INT NOT NULL
);
CREATE INDEX file_unused ON file (at) WHERE NOT used;

-- Who has sent a file, and so may name it in a record; for a day.
CREATE TABLE file_sender (
	hash TEXT NOT NULL REFERENCES file (hash) ON DELETE CASCADE,
	account TEXT NOT NULL,
	at INT NOT NULL,
	PRIMARY KEY (hash, account)
) WITHOUT ROWID;
CREATE INDEX file_sender_at ON file_sender (at);
