-- What begins cases: start events of flows.

-- Timers of the newest versions. timer: calendar and text as the flow says them, so that a new version which says
-- the same goes on with it; left_: what is left of a cycle after `at`.
CREATE TABLE flow_timer (
	flow TEXT NOT NULL,
	element TEXT NOT NULL,
	timer TEXT NOT NULL,
	at INT NOT NULL,
	left_ TEXT NOT NULL,
	PRIMARY KEY (flow, element)
) WITHOUT ROWID;

-- Messages and signals that were sent and have not begun their case yet.
CREATE TABLE flow_sent (
	id INT PRIMARY KEY,
	flow TEXT NOT NULL,
	element TEXT NOT NULL,
	depth INT NOT NULL,
	variables TEXT NOT NULL
);

-- Cases that an event began. depth: of cases that began one another; key: what tells messages about this one, ''
-- where there is none, or another case has it since.
CREATE TABLE case_begun (
	case_id INT PRIMARY KEY REFERENCES case_ (id),
	flow TEXT NOT NULL,
	element TEXT NOT NULL,
	key TEXT NOT NULL,
	depth INT NOT NULL
);
CREATE UNIQUE INDEX case_begun_key ON case_begun (key, flow) WHERE key <> '';

-- What a signal brings to a case that waits for it.
ALTER TABLE timer ADD COLUMN variables TEXT NOT NULL DEFAULT '';

-- Its pack has it no more: running cases keep it, nothing begins by it.
ALTER TABLE flow ADD COLUMN gone BOOL NOT NULL DEFAULT FALSE;
