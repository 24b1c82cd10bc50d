-- Registers: one row a record of any kind. The newest version stands in record, those before it in record_rev;
-- batch is the change set that wrote a version, 0 for none.
CREATE TABLE record (
	id INT PRIMARY KEY,
	kind TEXT NOT NULL,
	code TEXT NOT NULL,
	name TEXT NOT NULL,
	name_en TEXT NOT NULL,
	state TEXT NOT NULL,
	org TEXT NOT NULL,
	region TEXT NOT NULL,
	lon REAL,
	lat REAL,
	attrs TEXT NOT NULL,
	doubts TEXT NOT NULL,
	thing BOOL NOT NULL,
	demo BOOL NOT NULL,
	pack TEXT NOT NULL,
	rev INT NOT NULL,
	created INT NOT NULL,
	changed INT NOT NULL,
	account TEXT NOT NULL,
	batch INT NOT NULL
);
CREATE UNIQUE INDEX record_code ON record (kind, code);
CREATE UNIQUE INDEX record_thing ON record (code) WHERE thing;

-- gone: the record was removed; the row says when and by whom, and its contents are those of the last version.
CREATE TABLE record_rev (
	kind TEXT NOT NULL,
	code TEXT NOT NULL,
	rev INT NOT NULL,
	gone BOOL NOT NULL,
	name TEXT NOT NULL,
	name_en TEXT NOT NULL,
	state TEXT NOT NULL,
	org TEXT NOT NULL,
	region TEXT NOT NULL,
	lon REAL,
	lat REAL,
	attrs TEXT NOT NULL,
	doubts TEXT NOT NULL,
	demo BOOL NOT NULL,
	pack TEXT NOT NULL,
	created INT NOT NULL,
	changed INT NOT NULL,
	account TEXT NOT NULL,
	batch INT NOT NULL,
	PRIMARY KEY (kind, code, rev)
);

-- Fields that are indexed, by number; form says how keys are made, and when it is not the program's they are made anew.
-- "": indexed no longer; the number is not given again.
CREATE TABLE record_field (
	no INT PRIMARY KEY,
	kind TEXT NOT NULL,
	field TEXT NOT NULL,
	form TEXT NOT NULL,
	UNIQUE (kind, field)
);

-- The index: order key of a value, record.
CREATE TABLE record_entry (
	field INT NOT NULL,
	key BLOB NOT NULL,
	record INT NOT NULL,
	PRIMARY KEY (field, key, record)
) WITHOUT ROWID;

-- Change sets: many changes that are looked at before they are made, and undone as one.
CREATE TABLE record_batch (
	id INT PRIMARY KEY,
	kind TEXT NOT NULL,
	what TEXT NOT NULL,
	title TEXT NOT NULL,
	state TEXT NOT NULL,
	account TEXT NOT NULL,
	created INT NOT NULL,
	ended INT,
	total INT NOT NULL,
	added INT NOT NULL,
	changed INT NOT NULL,
	same INT NOT NULL,
	refused INT NOT NULL,
	done INT NOT NULL,
	failed INT NOT NULL
);

-- verdict: new, changed, same, refused, merged, removed. rev: the version that it became, 0 before; words: why it was refused.
CREATE TABLE record_batch_row (
	batch INT NOT NULL REFERENCES record_batch (id),
	line INT NOT NULL,
	code TEXT NOT NULL,
	verdict TEXT NOT NULL,
	row TEXT NOT NULL,
	rev INT NOT NULL,
	field TEXT NOT NULL,
	words TEXT NOT NULL,
	PRIMARY KEY (batch, line)
) WITHOUT ROWID;
CREATE INDEX record_batch_code ON record_batch_row (batch, code);
CREATE INDEX record_batch_verdict ON record_batch_row (batch, verdict, line);

-- Things become records.
INSERT INTO record (id, kind, code, name, name_en, state, org, region, lon, lat, attrs, doubts, thing, demo, pack,
	rev, created, changed, account, batch)
SELECT row_number() OVER (ORDER BY code), kind, code, name, name_en, '', org, region, lon, lat, attrs, '',
-- sqlite:
	1,
-- postgres:
	TRUE,
-- both:
	demo, pack, 1, at, at, 'system', 0 FROM thing;
DROP TABLE thing;

-- Full text: of what every reader of the kind may see.
-- sqlite:
CREATE VIRTUAL TABLE record_text USING fts5(words, tokenize = 'heming');
-- postgres:
CREATE TABLE record_text (
	record BIGINT PRIMARY KEY,
	words TSVECTOR NOT NULL
);
CREATE INDEX record_text_words ON record_text USING gin (words);
