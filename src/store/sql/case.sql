-- case_add: a new case
-- do
-- in: id int, code text, category text, title text, detail text, source text, reporter text, level int,
--      region text, unit text, org text, owner text, thing text, alarm int, opened int, deadline int?,
--      flow text, flow_version int, lon real?, lat real?, demo bool
INSERT INTO case_ (id, code, category, title, detail, source, reporter, level, region, unit, org, owner,
	thing, alarm, opened, deadline, flow, flow_version, lon, lat, demo, state, stage, task, task_name, outcomes,
	assignee, overdue, merged, version)
VALUES (:id, :code, :category, :title, :detail, :source, :reporter, :level, :region, :unit, :org, :owner,
	:thing, :alarm, :opened, :deadline, :flow, :flow_version, :lon, :lat, :demo, 'open', '', 0, '', '', '',
	FALSE, 1, 0);

-- case_set: what a step changes of a case
-- do
-- in: id int, state text, stage text, level int, org text, owner text, task int, task_name text,
--      outcomes text, assignee text, finished int?, closed int?, overdue bool, merged int, version int
UPDATE case_ SET state = :state, stage = :stage, level = :level, org = :org, owner = :owner, task = :task,
	task_name = :task_name, outcomes = :outcomes, assignee = :assignee, finished = :finished, closed = :closed,
	overdue = :overdue, merged = :merged, version = :version
WHERE id = :id;

-- case_load: a case whoever asks: for a step
-- one
-- in: id int
-- out: id int, code text, category text, title text, detail text, source text, state text, stage text,
--      level int, region text, unit text, org text, owner text, thing text, alarm int, task int,
--      task_name text, outcomes text, assignee text, opened int, deadline int?, finished int?, closed int?,
--      overdue bool, merged int, version int, flow text, flow_version int, lon real?, lat real?, demo bool
SELECT id, code, category, title, detail, source, state, stage, level, region, unit, org, owner, thing, alarm,
	task, task_name, outcomes, assignee, opened, deadline, finished, closed, overdue, merged, version, flow,
	flow_version, lon, lat, demo
FROM case_ WHERE id = :id;

-- case_get: a case in a scope
-- one
-- in: id int, regions texts?, orgs texts?
-- out: id int, code text, category text, title text, detail text, source text, state text, stage text,
--      level int, region text, unit text, org text, owner text, thing text, alarm int, task int,
--      task_name text, outcomes text, assignee text, opened int, deadline int?, finished int?, closed int?,
--      overdue bool, merged int, version int, flow text, flow_version int, lon real?, lat real?, demo bool
SELECT id, code, category, title, detail, source, state, stage, level, region, unit, org, owner, thing, alarm,
	task, task_name, outcomes, assignee, opened, deadline, finished, closed, overdue, merged, version, flow,
	flow_version, lon, lat, demo
FROM case_ WHERE id = :id AND (region = '' OR @prefix(region, :regions))
	AND (org = '' OR @prefix(org, :orgs) OR (owner <> '' AND @prefix(owner, :orgs)));

-- case_by_code: id of a case by its code
-- one
-- in: code text
-- out: id int
SELECT id FROM case_ WHERE code = :code;

-- case_list_due: open cases of a scope by deadline; those without one at the end
-- many
-- in: stage text?, unit text?, within texts?, org text?, within_org texts?, category text?, thing text?,
--      assignee text?, q text?, level int, overdue bool, regions texts?, orgs texts?, after_deadline int?,
--      after_id int, limit_ int
-- out: id int, code text, category text, title text, detail text, source text, state text, stage text,
--      level int, region text, unit text, org text, owner text, thing text, alarm int, task int,
--      task_name text, outcomes text, assignee text, opened int, deadline int?, finished int?, closed int?,
--      overdue bool, merged int, version int, flow text, flow_version int, lon real?, lat real?, demo bool
SELECT id, code, category, title, detail, source, state, stage, level, region, unit, org, owner, thing, alarm,
	task, task_name, outcomes, assignee, opened, deadline, finished, closed, overdue, merged, version, flow,
	flow_version, lon, lat, demo
FROM case_ WHERE state = 'open'
	AND (:after_deadline IS NULL OR coalesce(deadline, 9223372036854775807) > :after_deadline
		OR (coalesce(deadline, 9223372036854775807) = :after_deadline AND id > :after_id))
	AND (:stage IS NULL OR stage = :stage)
	AND (:unit IS NULL OR unit = :unit OR @prefix(region, :within))
	AND (:org IS NULL OR @prefix(org, :within_org) OR @prefix(owner, :within_org))
	AND (:category IS NULL OR category = :category) AND (:thing IS NULL OR thing = :thing)
	AND (:assignee IS NULL OR assignee = :assignee)
	AND (:q IS NULL OR code LIKE :q ESCAPE '\' OR title LIKE :q ESCAPE '\')
	AND (:level = 0 OR level = :level) AND (NOT :overdue OR overdue)
	AND (region = '' OR @prefix(region, :regions))
	AND (org = '' OR @prefix(org, :orgs) OR (owner <> '' AND @prefix(owner, :orgs)))
ORDER BY coalesce(deadline, 9223372036854775807), id LIMIT :limit_;

-- case_list_newest: cases of a scope, newest first
-- many
-- in: state text?, stage text?, unit text?, within texts?, org text?, within_org texts?, category text?,
--      thing text?, assignee text?, q text?, level int, overdue bool, regions texts?, orgs texts?,
--      after_id int, limit_ int
-- out: id int, code text, category text, title text, detail text, source text, state text, stage text,
--      level int, region text, unit text, org text, owner text, thing text, alarm int, task int,
--      task_name text, outcomes text, assignee text, opened int, deadline int?, finished int?, closed int?,
--      overdue bool, merged int, version int, flow text, flow_version int, lon real?, lat real?, demo bool
SELECT id, code, category, title, detail, source, state, stage, level, region, unit, org, owner, thing, alarm,
	task, task_name, outcomes, assignee, opened, deadline, finished, closed, overdue, merged, version, flow,
	flow_version, lon, lat, demo
FROM case_ WHERE id < :after_id
	AND (:state IS NULL OR (:state = 'closed' AND state <> 'open') OR state = :state)
	AND (:stage IS NULL OR stage = :stage)
	AND (:unit IS NULL OR unit = :unit OR @prefix(region, :within))
	AND (:org IS NULL OR @prefix(org, :within_org) OR @prefix(owner, :within_org))
	AND (:category IS NULL OR category = :category) AND (:thing IS NULL OR thing = :thing)
	AND (:assignee IS NULL OR assignee = :assignee)
	AND (:q IS NULL OR code LIKE :q ESCAPE '\' OR title LIKE :q ESCAPE '\')
	AND (:level = 0 OR level = :level) AND (NOT :overdue OR overdue)
	AND (region = '' OR @prefix(region, :regions))
	AND (org = '' OR @prefix(org, :orgs) OR (owner <> '' AND @prefix(owner, :orgs)))
ORDER BY id DESC LIMIT :limit_;

-- case_of_thing: the open case of a thing and a category, oldest first
-- one
-- in: thing text, category text
-- out: id int
SELECT id FROM case_ WHERE state = 'open' AND thing = :thing AND category = :category ORDER BY id LIMIT 1;

-- case_of_alarm: the open case that earlier alarms of a rule and a label set are in
-- one
-- in: rule text, labels text
-- out: id int
SELECT c.id FROM alarm a JOIN case_ c ON c.id = a.case_id
WHERE a.rule = :rule AND a.labels = :labels AND a.case_id > 0 AND c.state = 'open' ORDER BY c.id LIMIT 1;

-- case_counts: what is open in a scope
-- one
-- in: soon int, regions texts?, orgs texts?
-- out: open int, overdue int, red int, orange int, yellow int, blue int, to_claim int, handling int,
--      to_verify int, due_soon int
SELECT count(*), count(CASE WHEN overdue THEN 1 END),
	count(CASE WHEN level = 1 THEN 1 END), count(CASE WHEN level = 2 THEN 1 END),
	count(CASE WHEN level = 3 THEN 1 END), count(CASE WHEN level = 4 THEN 1 END),
	count(CASE WHEN stage NOT IN ('verify', 'close') AND assignee = '' THEN 1 END),
	count(CASE WHEN stage NOT IN ('verify', 'close') AND assignee <> '' THEN 1 END),
	count(CASE WHEN stage IN ('verify', 'close') THEN 1 END),
	count(CASE WHEN finished IS NULL AND NOT overdue AND deadline <= :soon THEN 1 END)
FROM case_ WHERE state = 'open'
	AND (region = '' OR @prefix(region, :regions))
	AND (org = '' OR @prefix(org, :orgs) OR (owner <> '' AND @prefix(owner, :orgs)));

-- case_by_unit: open cases of a scope by reporting unit
-- many
-- in: regions texts?, orgs texts?
-- out: unit text, open int, overdue int
SELECT unit, count(*), count(CASE WHEN overdue THEN 1 END) FROM case_ WHERE state = 'open'
	AND (region = '' OR @prefix(region, :regions))
	AND (org = '' OR @prefix(org, :orgs) OR (owner <> '' AND @prefix(owner, :orgs)))
GROUP BY unit ORDER BY unit;

-- case_count_open: how many cases are open
-- one
-- out: n int
SELECT count(*) FROM case_ WHERE state = 'open';

-- case_day_next: counts one more case of a day
-- do
-- in: day text
INSERT INTO case_day (day, n) VALUES (:day, 1) ON CONFLICT (day) DO UPDATE SET n = case_day.n + 1;

-- case_day_get: the number of the day's newest case
-- one
-- in: day text
-- out: n int
SELECT n FROM case_day WHERE day = :day;

-- case_flow_add: the state of a new case's flow
-- do
-- in: case_id int, state text, taken text
INSERT INTO case_flow (case_id, state, taken) VALUES (:case_id, :state, :taken);

-- case_flow_set: its next state
-- do
-- in: case_id int, state text, taken text
UPDATE case_flow SET state = :state, taken = :taken WHERE case_id = :case_id;

-- case_flow_get: the state of a case's flow
-- one
-- in: case_id int
-- out: state text, taken text
SELECT state, taken FROM case_flow WHERE case_id = :case_id;

-- case_of_flow: open cases of a flow that have another version than `to_`, in order of ids; from_ 0: any other
-- many
-- in: flow text, from_ int, to_ int, after_id int, limit_ int
-- out: id int, code text, flow_version int
SELECT id, code, flow_version FROM case_
WHERE state = 'open' AND flow = :flow AND flow_version <> :to_ AND (:from_ = 0 OR flow_version = :from_)
	AND id > :after_id
ORDER BY id LIMIT :limit_;

-- case_set_flow_version: the case goes on with another version of its flow
-- do
-- in: id int, flow_version int
UPDATE case_ SET flow_version = :flow_version WHERE id = :id;

-- case_map_all: who sees the open cases of things; the newest of a thing last
-- many
-- out: thing text, region text, org text, owner text
SELECT thing, region, org, owner FROM case_ WHERE state = 'open' AND thing <> '' ORDER BY id;

-- case_map_thing: who sees the newest open case of a thing
-- one
-- in: thing text
-- out: region text, org text, owner text
SELECT region, org, owner FROM case_ WHERE state = 'open' AND thing = :thing ORDER BY id DESC LIMIT 1;
