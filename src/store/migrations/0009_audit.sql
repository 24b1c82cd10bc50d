-- Who did it, what was done, and when, each found without reading the whole journal.
CREATE INDEX journal_account ON journal (account, seq);
CREATE INDEX journal_kind ON journal (kind, seq);
CREATE INDEX journal_at ON journal (at, seq);
