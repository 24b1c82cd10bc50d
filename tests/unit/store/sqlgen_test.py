#!/usr/bin/env python3
"""What tools/sqlgen.py makes of right and wrong files. TAP 13."""
import os
import subprocess
import sys
import tempfile

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../../tools/sqlgen.py')
GOOD = '-- a_get: one\n-- one\n-- in: id int, t text?\n-- out: n int\n'
failed = count = 0


def run(sql, migrations=None):
    """(exit code, messages, header, table)"""
    with tempfile.TemporaryDirectory() as d:
        for kind, files in (('sql', {'a.sql': sql}), ('migrations', migrations or {})):
            os.mkdir(os.path.join(d, kind))
            for name, text in files.items():
                with open(os.path.join(d, kind, name), 'w', encoding='utf-8') as f:
                    f.write(text)
        out = [os.path.join(d, n) for n in ('h', 't', 'd')]
        p = subprocess.run([sys.executable, TOOL, '--name', 'x', '--include', 'x.h', '--header', out[0],
                            '--table', out[1], '--depfile', out[2], d], capture_output=True, text=True)
        texts = [open(o, encoding='utf-8').read() if os.path.exists(o) else '' for o in out]
        return p.returncode, p.stderr, texts[0], texts[1]


def ok(name, condition, told=''):
    global failed, count
    count += 1
    failed += not condition
    print(f'{"ok" if condition else "not ok"} {count} - {name}')
    if not condition:
        print('# ' + str(told).replace('\n', '\n# '))


def refuses(name, sql, line, words, migrations=None):
    code, told, _, _ = run(sql, migrations)
    ok(name, code != 0 and f'.sql:{line}: ' in told and words in told and 'Traceback' not in told, told)


def gives(name, sql, *words, migrations=None):
    code, told, h, t = run(sql, migrations)
    ok(name, code == 0 and all(w in h + t for w in words), told + t)


print('TAP version 13')
gives('parameters in both dialects', GOOD + "SELECT n FROM a WHERE id = :id AND t = :t AND 'x:id' <> '';",
      "id = ?1 AND t = ?2 AND 'x:id'", 'id = $1::bigint AND t = $2::text')
gives('a cast is no parameter', GOOD + '-- sqlite:\nSELECT :id + length(:t);\n-- postgres:\nSELECT :id::int + length(:t);',
      '$1::bigint::int')
gives('an own text for one dialect', GOOD + 'SELECT :id, :t;\n-- postgres:\nSELECT :t, :id;',
      'SELECT ?1, ?2', 'SELECT $2::text, $1::bigint')
gives('a list goes on after a comma', '-- a: x\n-- do\n-- in: a int,\n--     b text\nINSERT INTO t VALUES (:a, :b)',
      'struct str b;')
gives('many are taken out at once', '-- a: x\n-- do\n-- times: 2\n-- in: a int, b text\nDELETE FROM t WHERE a = :a AND b = :b;',
      'DELETE FROM t WHERE (a = ?1 AND b = ?2) OR (a = ?3 AND b = ?4)', 'sql_a_many(')
gives('what is asked ahead', GOOD + 'SELECT :id, :t;', 'sql_a_get_ahead(struct store_tx *tx, const struct sql_a_get_in *in, size_t n')
gives('no parameters, no struct', '-- a: x\n-- do\nDELETE FROM t', 'int sql_a(struct store_tx *tx, int64_t *changed')
gives('macros', '-- a: x\n-- many\n-- in: r texts\n-- out: n int\nSELECT n FROM t WHERE c IN @list(:r) AND @prefix(t.c, :r)'
      ' AND at < @now', 'json_each(?1)', 'jsonb_array_elements_text($1::text::jsonb)', 'starts_with(t.c')
refuses('an unknown parameter', GOOD + 'SELECT :id, :t, :u', 1, '":u" is not in')
refuses('an unused parameter', '\n' + GOOD + 'SELECT :id', 2, '":t" is given but not used')
refuses('a type that is none', '-- a: x\n-- one\n-- out: n number\nSELECT 1', 3, '"n number"')
refuses('a word of C', '-- a: x\n-- one\n-- out: int int\nSELECT 1', 3, 'word of C')
refuses('a bool that may be NULL', '-- a: x\n-- one\n-- out: b bool?\nSELECT 1', 3, 'no NULL')
refuses('no columns', '-- a: x\n-- one\nSELECT 1', 1, '"do" has no')
refuses('two statements', '-- a: x\n-- do\nDELETE FROM t; DELETE FROM u;', 1, 'more than one statement')
refuses('SQL without a header', 'SELECT 1;', 1, 'SQL before')
refuses('a macro that is none', GOOD + 'SELECT :id, :t, @wrong(:t)', 1, '"@wrong(:t)"')
refuses('a list that is no list', GOOD + 'SELECT :id IN @list(:t)', 1, 'must be "texts"')
refuses('a name that is there', '-- a: x\n-- do\nDELETE FROM t;\n\n-- a: x\n-- do\nDELETE FROM t;', 5, 'there already')
gives('types of a table', '', 'b INTEGER CHECK (b IN (0, 1)) NOT NULL', ') STRICT;', 'b BOOLEAN NOT NULL',
      't TEXT COLLATE \\"C\\"', 'x DOUBLE PRECISION', 'd BYTEA', 'i BIGINT PRIMARY KEY',
      migrations={'0001_a.sql': 'CREATE TABLE a (i INT PRIMARY KEY, t TEXT, x REAL, d BLOB, b BOOL NOT NULL);'})
a = run('', {'0001_a.sql': 'CREATE TABLE a (i INT);'})[3]
b = run('', {'0001_a.sql': '-- why\nCREATE  TABLE a\n(i INT);\n'})[3]
c = run('', {'0001_a.sql': 'CREATE TABLE a (j INT);'})[3]
digest = [t.split('"a",')[1].split('"')[1] for t in (a, b, c)]
ok('comments and spaces change no hash, words do', digest[0] == digest[1] != digest[2], digest)
refuses('a migration without a number', '', 1, 'NNNN_words.sql', {'first.sql': ''})
refuses('two of one number', '', 1, 'version 1 is there already', {'0001_a.sql': '', '0001_b.sql': ''})
print(f'1..{count}')
sys.exit(failed > 0)
