-- timer_put: a timer is set
-- do
-- in: case_id int, key int, element text, at int
INSERT INTO timer (case_id, key, element, at) VALUES (:case_id, :key, :element, :at)
ON CONFLICT (case_id, key) DO UPDATE SET element = excluded.element, at = excluded.at;

-- timer_drop: a timer is gone
-- do
-- in: case_id int, key int
DELETE FROM timer WHERE case_id = :case_id AND key = :key;

-- timer_drop_all: all timers of a case
-- do
-- in: case_id int
DELETE FROM timer WHERE case_id = :case_id;

-- timer_get: when a timer is due
-- one
-- in: case_id int, key int
-- out: at int, element text, variables text
SELECT at, element, variables FROM timer WHERE case_id = :case_id AND key = :key;

-- timer_first: timers in order of their time
-- many
-- in: limit_ int
-- out: case_id int, key int, at int
SELECT case_id, key, at FROM timer WHERE at < 9223372036854775807 ORDER BY at, case_id, key LIMIT :limit_;

-- timer_later: a timer is put off
-- do
-- in: case_id int, key int, at int
UPDATE timer SET at = :at WHERE case_id = :case_id AND key = :key;

-- timer_signals: waits of a case for signals
-- many
-- in: case_id int
-- out: key int
SELECT key FROM timer WHERE case_id = :case_id AND element LIKE '~%';

-- timer_signal_waits: how many cases wait for a signal
-- one
-- in: element text, never int
-- out: n int
SELECT count(DISTINCT case_id) FROM timer WHERE at = :never AND element = :element;

-- timer_signal: a signal, and what it brings, to all other cases that wait for it
-- do
-- in: case_id int, element text, at int, never int, variables text
UPDATE timer SET at = :at, variables = :variables WHERE at = :never AND element = :element AND case_id <> :case_id;

-- timer_heard: a case has heard a signal
-- do
-- in: case_id int, element text, never int
UPDATE timer SET at = :never, variables = '' WHERE case_id = :case_id AND element = :element;
