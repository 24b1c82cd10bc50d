-- task_add: a task is open
-- do
-- in: id int, case_id int, key int, element text, name text, role text, stage text, outcomes text, org text,
--      opened int
INSERT INTO task (id, case_id, key, element, name, role, stage, outcomes, org, opened, assignee, state, outcome)
VALUES (:id, :case_id, :key, :element, :name, :role, :stage, :outcomes, :org, :opened, '', 'open', '');

-- task_open_of: the open tasks of a case, in order of keys
-- many
-- in: case_id int
-- out: id int, key int, element text, name text, role text, stage text, outcomes text, org text,
--      assignee text, opened int
SELECT id, key, element, name, role, stage, outcomes, org, assignee, opened
FROM task WHERE case_id = :case_id AND state = 'open' ORDER BY key;

-- task_ended_of: who ended a task that is no longer open, and how
-- one
-- in: case_id int, key int
-- out: name text, assignee text, state text, outcome text, ended int?
SELECT name, assignee, state, outcome, ended FROM task WHERE case_id = :case_id AND key = :key AND state <> 'open'
ORDER BY id DESC LIMIT 1;

-- task_assign: whose task it is
-- do
-- in: case_id int, key int, assignee text, org text
UPDATE task SET assignee = :assignee, org = :org WHERE case_id = :case_id AND key = :key AND state = 'open';

-- task_end: a task is done or cancelled
-- do
-- in: case_id int, key int, state text, outcome text, assignee text, at int
UPDATE task SET state = :state, outcome = :outcome, assignee = :assignee, ended = :at
WHERE case_id = :case_id AND key = :key AND state = 'open';

-- task_person: whom a task may be handed to
-- one
-- in: login text
-- out: name text, org text, roles text, disabled bool
SELECT name, org, roles, disabled FROM account WHERE login = :login;

-- task_describe: what an open task is by another version of its flow
-- do
-- in: case_id int, key int, element text, name text, role text, stage text, outcomes text
UPDATE task SET element = :element, name = :name, role = :role, stage = :stage, outcomes = :outcomes
WHERE case_id = :case_id AND key = :key AND state = 'open';
