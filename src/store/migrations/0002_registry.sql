-- What packs declare, and who and what a city has.
CREATE TABLE pack (
	code TEXT PRIMARY KEY,
	place INT NOT NULL,
	version TEXT NOT NULL,
	name TEXT NOT NULL,
	name_en TEXT NOT NULL,
	hash TEXT NOT NULL,
	at INT NOT NULL
);

CREATE TABLE pack_file (
	pack TEXT NOT NULL REFERENCES pack (code),
	path TEXT NOT NULL,
	text TEXT NOT NULL,
	PRIMARY KEY (pack, path)
);

-- Every version that ever ran stays: a case keeps the one it began with.
CREATE TABLE flow (
	code TEXT NOT NULL,
	version INT NOT NULL,
	file TEXT NOT NULL,
	xml TEXT NOT NULL,
	hash TEXT NOT NULL,
	at INT NOT NULL,
	PRIMARY KEY (code, version)
);

CREATE TABLE region (
	code TEXT PRIMARY KEY,
	parent TEXT NOT NULL,
	level INT NOT NULL,
	name TEXT NOT NULL,
	name_en TEXT NOT NULL,
	unit BOOL NOT NULL,
	lon REAL,
	lat REAL,
	geometry TEXT NOT NULL,
	pack TEXT NOT NULL
);

CREATE TABLE org (
	code TEXT PRIMARY KEY,
	parent TEXT NOT NULL,
	kind TEXT NOT NULL,
	region TEXT NOT NULL,
	name TEXT NOT NULL,
	name_en TEXT NOT NULL,
	phone TEXT NOT NULL,
	duties TEXT NOT NULL,
	pack TEXT NOT NULL
);

CREATE TABLE thing (
	code TEXT PRIMARY KEY,
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	name_en TEXT NOT NULL,
	org TEXT NOT NULL,
	region TEXT NOT NULL,
	lon REAL,
	lat REAL,
	attrs TEXT NOT NULL,
	demo BOOL NOT NULL,
	pack TEXT NOT NULL,
	at INT NOT NULL
);

-- regions and orgs: code prefixes by blank, empty for all.
CREATE TABLE account (
	id INT PRIMARY KEY,
	login TEXT NOT NULL UNIQUE,
	name TEXT NOT NULL,
	org TEXT NOT NULL,
	password TEXT NOT NULL,
	roles TEXT NOT NULL,
	regions TEXT NOT NULL,
	orgs TEXT NOT NULL,
	clearance INT NOT NULL CHECK (clearance BETWEEN 1 AND 4),
	disabled BOOL NOT NULL,
	created INT NOT NULL,
	failures INT NOT NULL,
	failed INT,
	locked INT
);

-- token is the SHA-256 of what the browser holds.
CREATE TABLE session (
	token TEXT PRIMARY KEY,
	account INT NOT NULL REFERENCES account (id),
	csrf TEXT NOT NULL,
	created INT NOT NULL,
	seen INT NOT NULL,
	remote TEXT NOT NULL
);
CREATE INDEX session_seen ON session (seen);

CREATE TABLE device (
	login TEXT PRIMARY KEY,
	secret TEXT NOT NULL,
	things TEXT NOT NULL,
	created INT NOT NULL
);
