-- flow_timer_put: when a flow begins its next case
-- do
-- in: flow text, element text, timer text, at int, left_ text
INSERT INTO flow_timer (flow, element, timer, at, left_) VALUES (:flow, :element, :timer, :at, :left_)
ON CONFLICT (flow, element) DO UPDATE SET timer = excluded.timer, at = excluded.at, left_ = excluded.left_;

-- flow_timer_get: one of them
-- one
-- in: flow text, element text
-- out: timer text, at int, left_ text
SELECT timer, at, left_ FROM flow_timer WHERE flow = :flow AND element = :element;

-- flow_timer_all: all of them, the next first
-- many
-- out: flow text, element text, at int
SELECT flow, element, at FROM flow_timer ORDER BY at, flow, element;

-- flow_timer_drop: a flow has this timer no more
-- do
-- in: flow text, element text
DELETE FROM flow_timer WHERE flow = :flow AND element = :element;

-- flow_sent_add: somebody sent what begins a case
-- do
-- in: id int, flow text, element text, depth int, variables text
INSERT INTO flow_sent (id, flow, element, depth, variables) VALUES (:id, :flow, :element, :depth, :variables);

-- flow_sent_first: what was sent, oldest first
-- many
-- in: limit_ int
-- out: id int
SELECT id FROM flow_sent ORDER BY id LIMIT :limit_;

-- flow_sent_get: one of them
-- one
-- in: id int
-- out: flow text, element text, depth int, variables text
SELECT flow, element, depth, variables FROM flow_sent WHERE id = :id;

-- flow_sent_drop: it has begun its case, or cannot
-- do
-- in: id int
DELETE FROM flow_sent WHERE id = :id;

-- case_begun_add: an event began this case
-- do
-- in: case_id int, flow text, element text, key text, depth int
INSERT INTO case_begun (case_id, flow, element, key, depth) VALUES (:case_id, :flow, :element, :key, :depth);

-- case_begun_free: the key is for the next one
-- do
-- in: flow text, key text
UPDATE case_begun SET key = '' WHERE flow = :flow AND key = :key AND key <> '';

-- case_begun_get: how deep cases began one another
-- one
-- in: case_id int
-- out: depth int
SELECT depth FROM case_begun WHERE case_id = :case_id;

-- case_begun_open: open cases of a key, oldest first
-- many
-- in: key text
-- out: case_id int, flow text, code text
SELECT b.case_id, b.flow, c.code FROM case_begun b JOIN case_ c ON c.id = b.case_id
WHERE b.key = :key AND b.key <> '' AND c.state = 'open' ORDER BY b.case_id;
