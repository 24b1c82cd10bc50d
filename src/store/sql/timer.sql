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
-- out: at int
SELECT at FROM timer WHERE case_id = :case_id AND key = :key;

-- timer_first: timers in order of their time
-- many
-- in: limit_ int
-- out: case_id int, key int, at int
SELECT case_id, key, at FROM timer ORDER BY at, case_id, key LIMIT :limit_;
