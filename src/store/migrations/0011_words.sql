-- Why a row of a change set was not taken, in Chinese too; "" where there is none.
ALTER TABLE record_batch_row ADD COLUMN words_zh TEXT NOT NULL DEFAULT '';
