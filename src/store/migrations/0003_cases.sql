-- Alarms, cases with their tasks, timers and history, and what is counted of them.

-- state: 0 pending, 1 firing, 2 resolved. labels: JSON object, sorted by name. One open alarm of a rule and a
-- label set, whoever writes it.
CREATE TABLE alarm (
	id INT PRIMARY KEY,
	rule TEXT NOT NULL,
	labels TEXT NOT NULL,
	thing TEXT NOT NULL,
	region TEXT NOT NULL,
	unit TEXT NOT NULL,
	org TEXT NOT NULL,
	summary TEXT NOT NULL,
	state INT NOT NULL CHECK (state BETWEEN 0 AND 2),
	level INT NOT NULL CHECK (level BETWEEN 1 AND 4),
	value REAL,
	threshold REAL,
	since INT NOT NULL,
	fired INT,
	resolved INT,
	seen INT NOT NULL,
	case_id INT NOT NULL,
	acked_by INT NOT NULL,
	acked INT
);
CREATE UNIQUE INDEX alarm_open ON alarm (rule, labels) WHERE state < 2;
CREATE INDEX alarm_key ON alarm (rule, labels, id);
CREATE INDEX alarm_thing ON alarm (thing, id);
CREATE INDEX alarm_fired ON alarm (fired) WHERE fired IS NOT NULL;
CREATE INDEX alarm_case ON alarm (case_id, id) WHERE case_id > 0;

-- task to assignee repeat the open task for lists; owner: the org that handles, which stays when others verify.
CREATE TABLE case_ (
	id INT PRIMARY KEY,
	code TEXT NOT NULL UNIQUE,
	category TEXT NOT NULL,
	title TEXT NOT NULL,
	detail TEXT NOT NULL,
	source TEXT NOT NULL,
	reporter TEXT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('open', 'closed', 'void')),
	stage TEXT NOT NULL,
	level INT NOT NULL CHECK (level BETWEEN 1 AND 4),
	region TEXT NOT NULL,
	unit TEXT NOT NULL,
	org TEXT NOT NULL,
	owner TEXT NOT NULL,
	thing TEXT NOT NULL,
	alarm INT NOT NULL,
	task INT NOT NULL,
	task_name TEXT NOT NULL,
	outcomes TEXT NOT NULL,
	assignee TEXT NOT NULL,
	opened INT NOT NULL,
	deadline INT,
	finished INT,
	closed INT,
	overdue BOOL NOT NULL,
	merged INT NOT NULL,
	version INT NOT NULL,
	flow TEXT NOT NULL,
	flow_version INT NOT NULL,
	lon REAL,
	lat REAL,
	demo BOOL NOT NULL
);
CREATE INDEX case_due ON case_ (coalesce(deadline, 9223372036854775807), id) WHERE state = 'open';
CREATE INDEX case_thing ON case_ (thing, category) WHERE state = 'open';
CREATE INDEX case_unit ON case_ (unit, id);

-- The flow's state, and the sequence flows that were taken, by blanks: apart, so that lists stay narrow.
CREATE TABLE case_flow (
	case_id INT PRIMARY KEY REFERENCES case_ (id),
	state TEXT NOT NULL,
	taken TEXT NOT NULL
);

CREATE TABLE task (
	id INT PRIMARY KEY,
	case_id INT NOT NULL REFERENCES case_ (id),
	key INT NOT NULL,
	element TEXT NOT NULL,
	name TEXT NOT NULL,
	role TEXT NOT NULL,
	stage TEXT NOT NULL,
	outcomes TEXT NOT NULL,
	org TEXT NOT NULL,
	assignee TEXT NOT NULL,
	state TEXT NOT NULL CHECK (state IN ('open', 'done', 'cancelled')),
	opened INT NOT NULL,
	ended INT,
	outcome TEXT NOT NULL
);
CREATE UNIQUE INDEX task_open ON task (case_id, key) WHERE state = 'open';
CREATE INDEX task_case ON task (case_id, id);

-- key 0: the deadline of the case itself; others are the flow's.
CREATE TABLE timer (
	case_id INT NOT NULL REFERENCES case_ (id),
	key INT NOT NULL,
	element TEXT NOT NULL,
	at INT NOT NULL,
	PRIMARY KEY (case_id, key)
) WITHOUT ROWID;
CREATE INDEX timer_due ON timer (at, case_id, key);

-- Only ever added to.
CREATE TABLE case_step (
	id INT PRIMARY KEY,
	case_id INT NOT NULL REFERENCES case_ (id),
	at INT NOT NULL,
	action TEXT NOT NULL,
	account TEXT NOT NULL,
	name TEXT NOT NULL,
	org TEXT NOT NULL,
	task TEXT NOT NULL,
	outcome TEXT NOT NULL,
	note TEXT NOT NULL,
	element TEXT NOT NULL
);
CREATE INDEX case_step_case ON case_step (case_id, id);

CREATE TABLE case_day (
	day TEXT PRIMARY KEY,
	n INT NOT NULL
) WITHOUT ROWID;

CREATE TABLE measure (
	measure TEXT NOT NULL,
	day TEXT NOT NULL,
	unit TEXT NOT NULL,
	org TEXT NOT NULL,
	category TEXT NOT NULL,
	n INT NOT NULL,
	PRIMARY KEY (day, measure, unit, org, category)
) WITHOUT ROWID;
