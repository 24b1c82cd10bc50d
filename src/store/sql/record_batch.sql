-- record_batch_add: a change set
-- do
-- in: id int, kind text, what text, title text, state text, account text, created int
INSERT INTO record_batch (id, kind, what, title, state, account, created, ended, total, added, changed, same,
	refused, done, failed)
VALUES (:id, :kind, :what, :title, :state, :account, :created, NULL, 0, 0, 0, 0, 0, 0, 0);

-- record_batch_get: one change set
-- one
-- in: id int
-- out: id int, kind text, what text, title text, state text, account text, created int, ended int?,
--      total int, added int, changed int, same int, refused int, done int, failed int
SELECT id, kind, what, title, state, account, created, ended, total, added, changed, same, refused, done,
	failed FROM record_batch WHERE id = :id;

-- record_batch_page: change sets of some kinds, newest first
-- many
-- in: kinds texts?, before int, limit_ int
-- out: id int, kind text, what text, title text, state text, account text, created int, ended int?,
--      total int, added int, changed int, same int, refused int, done int, failed int
SELECT id, kind, what, title, state, account, created, ended, total, added, changed, same, refused, done,
	failed FROM record_batch WHERE id < :before AND (:kinds IS NULL OR kind IN @list(:kinds)) ORDER BY id DESC
	LIMIT :limit_;

-- record_batch_count: what its rows come to
-- do
-- in: id int, state text, total int, added int, changed int, same int, refused int
UPDATE record_batch SET state = :state, total = :total, added = :added, changed = :changed, same = :same,
	refused = :refused WHERE id = :id;

-- record_batch_state: moves it on, if it is where it should be
-- do
-- in: id int, was text, state text, ended int?, done int, failed int
UPDATE record_batch SET state = :state, ended = :ended, done = :done, failed = :failed
WHERE id = :id AND state = :was;

-- record_batch_done: how far it is, if nobody else has moved it on
-- do
-- in: id int, was int, done int, failed int
UPDATE record_batch SET done = :done, failed = :failed WHERE id = :id AND done = :was;

-- record_batch_forget: its rows, when it was never carried out
-- do
-- in: batch int
DELETE FROM record_batch_row WHERE batch = :batch;

-- record_batch_row_put: a row
-- do
-- in: batch int, line int, code text, verdict text, row text, rev int, field text, words text, words_zh text
INSERT INTO record_batch_row (batch, line, code, verdict, row, rev, field, words, words_zh) VALUES (:batch,
	:line, :code, :verdict, :row, :rev, :field, :words, :words_zh);

-- record_batch_row_set: what became of it
-- do
-- in: batch int, line int, verdict text, rev int, field text, words text, words_zh text
UPDATE record_batch_row SET verdict = :verdict, rev = :rev, field = :field, words = :words, words_zh = :words_zh
	WHERE batch = :batch AND line = :line;

-- record_batch_row_rev: the version that lines of one verdict became
-- do
-- in: batch int, from_ int, to_ int, verdict text, rev int
UPDATE record_batch_row SET rev = :rev WHERE batch = :batch AND line >= :from_ AND line <= :to_ AND verdict = :verdict;

-- record_batch_row_of: the line that names a code already
-- one
-- in: batch int, code text
-- out: line int
SELECT line FROM record_batch_row WHERE batch = :batch AND code = :code ORDER BY line LIMIT 1;

-- record_batch_rows: rows past a line; of one verdict, or all
-- many
-- in: batch int, after int, verdict text?, limit_ int
-- out: line int, code text, verdict text, row text, rev int, field text, words text, words_zh text
SELECT line, code, verdict, row, rev, field, words, words_zh FROM record_batch_row WHERE batch = :batch AND line >
	:after AND (:verdict IS NULL OR verdict = :verdict) ORDER BY line LIMIT :limit_;

-- record_batch_rows_down: rows before a line, last first
-- many
-- in: batch int, before int, limit_ int
-- out: line int, code text, verdict text, row text, rev int, field text, words text, words_zh text
SELECT line, code, verdict, row, rev, field, words, words_zh FROM record_batch_row WHERE batch = :batch AND line <
	:before ORDER BY line DESC LIMIT :limit_;
