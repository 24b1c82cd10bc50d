-- alarm_find_open: the pending or firing alarm of a rule and a label set
-- one
-- in: rule text, labels text
-- out: id int, rule text, labels text, thing text, region text, unit text, org text, summary text, state int,
--      level int, value real?, threshold real?, since int, fired int?, resolved int?, seen int, case_id int,
--      acked_by int, acked int?
SELECT id, rule, labels, thing, region, unit, org, summary, state, level, value, threshold, since, fired,
	resolved, seen, case_id, acked_by, acked
FROM alarm WHERE rule = :rule AND labels = :labels AND state < 2;

-- alarm_find_last: the newest alarm of a rule and a label set, open or not
-- one
-- in: rule text, labels text
-- out: id int, state int, since int, seen int, case_id int
SELECT id, state, since, seen, case_id FROM alarm WHERE rule = :rule AND labels = :labels ORDER BY id DESC LIMIT 1;

-- alarm_add: a new alarm
-- do
-- in: id int, rule text, labels text, thing text, region text, unit text, org text, summary text, state int,
--      level int, value real?, threshold real?, since int, fired int?, seen int
INSERT INTO alarm (id, rule, labels, thing, region, unit, org, summary, state, level, value, threshold, since,
	fired, seen, case_id, acked_by)
VALUES (:id, :rule, :labels, :thing, :region, :unit, :org, :summary, :state, :level, :value, :threshold,
	:since, :fired, :seen, 0, 0);

-- alarm_fire: a pending alarm fires
-- do
-- in: id int, value real?, level int, summary text, fired int, seen int
UPDATE alarm SET state = 1, value = :value, level = :level, summary = :summary, fired = :fired, seen = :seen
WHERE id = :id;

-- alarm_refresh: the newest value of an open alarm; an older one changes nothing
-- do
-- in: id int, value real?, seen int
UPDATE alarm SET value = :value, seen = :seen WHERE id = :id AND seen < :seen;

-- alarm_resolve: a firing alarm is over
-- do
-- in: id int, at int
UPDATE alarm SET state = 2, resolved = :at, seen = :at WHERE id = :id AND state = 1;

-- alarm_drop: a pending alarm that came to nothing
-- do
-- in: id int
DELETE FROM alarm WHERE id = :id AND state = 0;

-- alarm_set_case: the case that an alarm is in
-- do
-- in: id int, case_id int
UPDATE alarm SET case_id = :case_id WHERE id = :id;

-- alarm_ack: somebody has taken note of it
-- do
-- in: id int, by int, at int
UPDATE alarm SET acked_by = :by, acked = :at WHERE id = :id AND acked IS NULL;

-- alarm_open_all: what the rules thread goes on from
-- many
-- out: id int, rule text, labels text, state int, level int, value real?, since int, fired int?, seen int
SELECT id, rule, labels, state, level, value, since, fired, seen FROM alarm WHERE state < 2 ORDER BY id;

-- alarm_get: one alarm in a scope
-- one
-- in: id int, regions texts?, orgs texts?
-- out: id int, rule text, labels text, thing text, region text, unit text, org text, summary text, state int,
--      level int, value real?, threshold real?, since int, fired int?, resolved int?, seen int, case_id int,
--      acked_by int, acked int?
SELECT id, rule, labels, thing, region, unit, org, summary, state, level, value, threshold, since, fired,
	resolved, seen, case_id, acked_by, acked
FROM alarm WHERE id = :id AND (region = '' OR @prefix(region, :regions)) AND (org = '' OR @prefix(org, :orgs));

-- alarm_list: alarms of a scope, newest first
-- many
-- in: before int, thing text?, rule text?, unit text?, within texts?, regions texts?, orgs texts?, limit_ int
-- out: id int, rule text, labels text, thing text, region text, unit text, org text, summary text, state int,
--      level int, value real?, threshold real?, since int, fired int?, resolved int?, seen int, case_id int,
--      acked_by int, acked int?
SELECT id, rule, labels, thing, region, unit, org, summary, state, level, value, threshold, since, fired,
	resolved, seen, case_id, acked_by, acked
FROM alarm WHERE id < :before AND fired IS NOT NULL
	AND (:thing IS NULL OR thing = :thing) AND (:rule IS NULL OR rule = :rule)
	AND (:unit IS NULL OR unit = :unit OR @prefix(region, :within))
	AND (region = '' OR @prefix(region, :regions)) AND (org = '' OR @prefix(org, :orgs))
ORDER BY id DESC LIMIT :limit_;

-- alarm_list_now: pending and firing alarms of a scope, newest first
-- many
-- in: before int, thing text?, rule text?, unit text?, within texts?, regions texts?, orgs texts?, limit_ int
-- out: id int, rule text, labels text, thing text, region text, unit text, org text, summary text, state int,
--      level int, value real?, threshold real?, since int, fired int?, resolved int?, seen int, case_id int,
--      acked_by int, acked int?
SELECT id, rule, labels, thing, region, unit, org, summary, state, level, value, threshold, since, fired,
	resolved, seen, case_id, acked_by, acked
FROM alarm WHERE state < 2 AND id < :before
	AND (:thing IS NULL OR thing = :thing) AND (:rule IS NULL OR rule = :rule)
	AND (:unit IS NULL OR unit = :unit OR @prefix(region, :within))
	AND (region = '' OR @prefix(region, :regions)) AND (org = '' OR @prefix(org, :orgs))
ORDER BY id DESC LIMIT :limit_;

-- alarm_since: when and how strongly alarms of a scope fired
-- many
-- in: since int, regions texts?, orgs texts?
-- out: fired int, level int
SELECT fired, level FROM alarm WHERE fired IS NOT NULL AND fired > :since
	AND (region = '' OR @prefix(region, :regions)) AND (org = '' OR @prefix(org, :orgs)) ORDER BY fired LIMIT 100000;

-- alarm_by_unit: firing alarms of a scope by reporting unit
-- many
-- in: regions texts?, orgs texts?
-- out: unit text, n int
SELECT unit, count(*) FROM alarm WHERE state < 2 AND state = 1
	AND (region = '' OR @prefix(region, :regions)) AND (org = '' OR @prefix(org, :orgs)) GROUP BY unit ORDER BY unit;

-- alarm_count_firing: how many alarms fire
-- one
-- out: n int
SELECT count(*) FROM alarm WHERE state < 2 AND state = 1;

-- alarm_map_all: firing alarms of things, as the map shows them
-- many
-- out: id int, rule text, thing text, region text, org text, summary text, level int, acked int?
SELECT id, rule, thing, region, org, summary, level, acked FROM alarm
WHERE state < 2 AND state = 1 AND thing <> '' ORDER BY id;
