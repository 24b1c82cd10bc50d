-- What the store itself needs: settings of a site, the journal and places in it, leases.
CREATE TABLE setting (
	name TEXT PRIMARY KEY,
	value TEXT NOT NULL,
	at INT NOT NULL
) WITHOUT ROWID;

-- seq and hash are NULL until the sequencer gave the entry its place. Payload and salt are NULL once erased;
-- digest and hash stay, so that the chain still verifies.
CREATE TABLE journal (
	id INT PRIMARY KEY,
	seq INT,
	at INT NOT NULL,
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	subject_id TEXT NOT NULL,
	region TEXT NOT NULL,
	org TEXT NOT NULL,
	secrecy INT NOT NULL,
	account TEXT NOT NULL,
	payload TEXT,
	salt BLOB,
	digest BLOB NOT NULL,
	hash BLOB,
	CHECK ((seq IS NULL) = (hash IS NULL)),
	CHECK ((payload IS NULL) = (salt IS NULL)),
	CHECK (secrecy BETWEEN 1 AND 4)
);
CREATE UNIQUE INDEX journal_seq ON journal (seq);
CREATE INDEX journal_waiting ON journal (id) WHERE seq IS NULL;
CREATE INDEX journal_subject ON journal (subject, subject_id, seq);

CREATE TABLE cursor_ (
	name TEXT PRIMARY KEY,
	seq INT NOT NULL,
	at INT NOT NULL
) WITHOUT ROWID;

CREATE TABLE lease (
	name TEXT PRIMARY KEY,
	holder TEXT NOT NULL,
	until INT NOT NULL
) WITHOUT ROWID;

-- One row for each group of writes whose commit may end in a lost connection: its presence is the outcome.
CREATE TABLE write_group (
	id INT PRIMARY KEY,
	at INT NOT NULL
);
