-- record_field_all: the indexed fields
-- many
-- out: no int, kind text, field text, form text
SELECT no, kind, field, form FROM record_field ORDER BY no;

-- record_field_put: one more
-- do
-- in: no int, kind text, field text, form text
INSERT INTO record_field (no, kind, field, form) VALUES (:no, :kind, :field, :form);

-- record_field_form: how its keys are made now
-- do
-- in: no int, form text
UPDATE record_field SET form = :form WHERE no = :no;

-- record_entry_put: a value of a record
-- do
-- times: 32
-- in: field int, key blob, record int
INSERT INTO record_entry (field, key, record) VALUES (:field, :key, :record)
ON CONFLICT (field, key, record) DO NOTHING;

-- record_entry_drop: takes it out
-- do
-- times: 16
-- in: field int, key blob, record int
DELETE FROM record_entry WHERE field = :field AND key = :key AND record = :record;

-- record_entry_clear: takes a whole field out
-- do
-- in: field int
DELETE FROM record_entry WHERE field = :field;

-- record_entry_other: another record that has the value
-- one
-- in: field int, key blob, record int
-- out: record int
SELECT record FROM record_entry WHERE field = :field AND key = :key AND record <> :record LIMIT 1;

-- record_entry_count: how many values lie in a range, up to a bound
-- one
-- in: field int, low blob, high blob, limit_ int
-- out: n int
SELECT count(*) FROM (SELECT 1 FROM record_entry WHERE field = :field AND key >= :low AND key <= :high
	LIMIT :limit_) AS some_;

-- record_entry_range: records whose value lies in a range
-- many
-- in: field int, low blob, high blob, limit_ int
-- out: id int, kind text, code text, name text, name_en text, state text, org text, region text, lon real?,
--      lat real?, attrs text, doubts text, thing bool, demo bool, pack text, rev int, created int,
--      changed int, account text, batch int
SELECT r.id, r.kind, r.code, r.name, r.name_en, r.state, r.org, r.region, r.lon, r.lat, r.attrs, r.doubts,
	r.thing, r.demo, r.pack, r.rev, r.created, r.changed, r.account, r.batch FROM record_entry e JOIN record r
	ON r.id = e.record WHERE e.field = :field AND e.key >= :low AND e.key <= :high LIMIT :limit_;

-- record_entry_look: what lists look at of records whose value lies in a range
-- many
-- in: field int, low blob, high blob, limit_ int
-- out: id int, kind text, code text, name text, name_en text, state text, org text, region text,
--      lon real?, lat real?, attrs text, changed int
SELECT r.id, r.kind, r.code, r.name, r.name_en, r.state, r.org, r.region, r.lon, r.lat, r.attrs, r.changed
	FROM record_entry e JOIN record r ON r.id = e.record WHERE e.field = :field AND e.key >= :low AND e.key <= :high
	LIMIT :limit_;

-- record_entry_up: what lists look at of records in the order of a field, past a place in it
-- many
-- in: field int, key blob, record int, high blob, limit_ int
-- out: key blob, id int, kind text, code text, name text, name_en text, state text, org text, region text,
--      lon real?, lat real?, attrs text, changed int
SELECT e.key, r.id, r.kind, r.code, r.name, r.name_en, r.state, r.org, r.region, r.lon, r.lat, r.attrs, r.changed
	FROM record_entry e JOIN record r ON r.id = e.record WHERE e.field = :field AND (e.key, e.record) > (:key, :record) AND e.key <=
	:high ORDER BY e.key, e.record LIMIT :limit_;

-- record_entry_down: the same, downwards
-- many
-- in: field int, key blob, record int, low blob, limit_ int
-- out: key blob, id int, kind text, code text, name text, name_en text, state text, org text, region text,
--      lon real?, lat real?, attrs text, changed int
SELECT e.key, r.id, r.kind, r.code, r.name, r.name_en, r.state, r.org, r.region, r.lon, r.lat, r.attrs, r.changed
	FROM record_entry e JOIN record r ON r.id = e.record WHERE e.field = :field AND (e.key, e.record) < (:key, :record) AND e.key >=
	:low ORDER BY e.key DESC, e.record DESC LIMIT :limit_;

-- record_text_put: the words of a record
-- do
-- in: record int, words text
-- sqlite:
INSERT INTO record_text (rowid, words) VALUES (:record, :words);
-- postgres:
INSERT INTO record_text (record, words)
VALUES (:record, array_to_tsvector(ARRAY(SELECT jsonb_array_elements_text(:words::jsonb))));

-- record_text_drop: takes them out
-- do
-- in: record int
-- sqlite:
DELETE FROM record_text WHERE rowid = :record;
-- postgres:
DELETE FROM record_text WHERE record = :record;

-- record_text_count: how many records have the words, up to a bound
-- one
-- in: words text, limit_ int
-- out: n int
-- sqlite:
SELECT count(*) FROM (SELECT 1 FROM record_text WHERE record_text MATCH :words LIMIT :limit_);
-- postgres:
SELECT count(*) FROM (SELECT 1 FROM record_text WHERE words @@ :words::tsquery LIMIT :limit_) AS some_;

-- record_text_range: what lists look at of records that have the words
-- many
-- in: words text, limit_ int
-- out: id int, kind text, code text, name text, name_en text, state text, org text, region text,
--      lon real?, lat real?, attrs text, changed int
-- sqlite:
SELECT r.id, r.kind, r.code, r.name, r.name_en, r.state, r.org, r.region, r.lon, r.lat, r.attrs, r.changed
	FROM record_text t JOIN record r ON r.id = t.rowid WHERE record_text MATCH :words LIMIT :limit_;
-- postgres:
SELECT r.id, r.kind, r.code, r.name, r.name_en, r.state, r.org, r.region, r.lon, r.lat, r.attrs, r.changed
	FROM record_text t JOIN record r ON r.id = t.record WHERE t.words @@ :words::tsquery LIMIT :limit_;
