#!/usr/bin/env python3
"""sqlgen - statements and migrations written in SQL become C.

    sqlgen.py --name store_schema [--after FOLDER] --header H --table C --depfile D FOLDER

reads FOLDER/sql/*.sql and FOLDER/migrations/NNNN_name.sql and writes a header with one struct and one
typed function for each statement, and a C file with the table of both kinds. docs/internals/store.md
describes the form of the files. With --after the statements are numbered behind those of another
folder, so that a test can bring its own beside the program's.

The depfile names the folders too: a new file in one of them makes the build run this again.
"""
import argparse
import hashlib
import os
import re
import sys

# word in "-- in:" and "-- out:" -> (C type, constant of store_int.h, type in PostgreSQL)
TYPES = {
    'int': ('int64_t', 'STORE_INT', 'bigint'),
    'real': ('double', 'STORE_REAL', 'double precision'),
    'text': ('struct str', 'STORE_TEXT', 'text'),
    'texts': ('struct str', 'STORE_TEXT', 'text'),
    'blob': ('struct str', 'STORE_BLOB', 'bytea'),
    'bool': ('bool', 'STORE_BOOL', 'boolean'),
}
KINDS = {'one': 'STORE_ONE', 'many': 'STORE_MANY', 'do': 'STORE_DO'}
DIALECTS = ('sqlite', 'postgres')
C_WORDS = set('''auto bool break case char const continue default do double else enum extern false float for
    goto if inline int long register restrict return short signed sizeof static struct switch true typedef
    union unsigned void volatile while'''.split())

# What must be read as a whole before a parameter or a word may be looked for.
QUOTED = r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\""
COMMENT = r'--[^\n]*|/\*.*?\*/'
SECTION = re.compile(r'^--\s*(sqlite|postgres|both):\s*$')


class Bad(Exception):
    def __init__(self, path, line, words):
        super().__init__(f'{path}:{line}: {words}')


class Field:
    def __init__(self, name, kind, null):
        self.name, self.kind, self.null = name, kind, null
        self.c, self.const, self.postgres = TYPES[kind]


class Statement:
    def __init__(self, path, line, name):
        self.path, self.line, self.name = path, line, name
        self.words, self.kind = [], None
        self.times, self.of = 0, None  # rows that one statement puts at most; the statement that this one repeats
        self.given = {'in': [], 'out': []}
        self.source = {'both': []}  # section -> lines
        self.plain = {}             # dialect -> words with parameters and macros
        self.text = {}              # dialect -> what the database gets

    def bad(self, words):
        return Bad(self.path, self.line, f'{self.name}: {words}')


def fields(st, path, line, text):
    out, seen = [], set()
    for part in filter(None, (p.strip() for p in text.split(','))):
        m = re.fullmatch(r'([a-z][a-z0-9_]*)\s+([a-z]+)(\?)?', part)
        if not m or m[2] not in TYPES:
            raise Bad(path, line, f'{st.name}: "{part}" is not a name and one of {", ".join(TYPES)}')
        if m[1] in C_WORDS or m[1] in seen:
            raise Bad(path, line, f'{st.name}: "{m[1]}" is a word of C, or there twice')
        if m[2] == 'bool' and m[3]:
            raise Bad(path, line, f'{st.name}: "{m[1]}": a bool has no NULL; use int?')
        seen.add(m[1])
        out.append(Field(m[1], m[2], bool(m[3])))
    return out


def read_statements(path):
    """The statements of one file. A statement begins where a comment block says its name and its kind."""
    lines = open(path, encoding='utf-8').read().split('\n')
    found, at = [], 0
    while at < len(lines):
        m = re.match(r'^-- ([a-z][a-z0-9_]*): (.+)$', lines[at])
        block = at
        while block < len(lines) and lines[block].startswith('--') and not SECTION.match(lines[block]):
            block += 1
        kinds = [i for i in range(at, block) if lines[i][2:].strip() in KINDS]
        if m and kinds:
            st = Statement(path, at + 1, m[1])
            st.words = [m[2]] + [s[2:].strip() for s in lines[at + 1:kinds[0]]]
            st.kind = lines[kinds[0]][2:].strip()
            read_given(st, lines, kinds[0] + 1, block)
            found.append(st)
            section, at = 'both', block
            continue
        mark = SECTION.match(lines[at])
        if mark and found:
            section = mark[1]
            found[-1].source.setdefault(section, [])
        elif found:
            found[-1].source[section].append(lines[at])
        elif lines[at].strip() and not lines[at].startswith('--'):
            raise Bad(path, at + 1, 'SQL before the first "-- name: words" with "-- one", "-- many" or "-- do"')
        at += 1
    for st in found:
        finish_statement(st)
    return [x for st in found for x in ([st, repeated(st)] if st.times else [st])]


def read_given(st, lines, at, end):
    """The "-- in:" and "-- out:" lines; a line that ends in a comma goes on in the next."""
    while at < end:
        m = re.match(r'^--\s*times:\s*([0-9]+)$', lines[at])
        if m:
            st.times = int(m[1])
            at += 1
            continue
        m = re.match(r'^--\s*(in|out):\s*(.*)$', lines[at])
        if not m:
            raise Bad(st.path, at + 1, f'{st.name}: expected "-- in:", "-- out:", "-- times:" or the statement')
        first, text = at + 1, m[2]
        while text.rstrip().endswith(',') and at + 1 < end:
            at += 1
            text += ' ' + lines[at][2:]
        if st.given[m[1]]:
            raise Bad(st.path, first, f'{st.name}: a second "-- {m[1]}:"')
        st.given[m[1]] = fields(st, st.path, first, text)
        at += 1


def finish_statement(st):
    if (st.kind == 'do') != (not st.given['out']):
        raise st.bad('"do" has no "-- out:", "one" and "many" need it')
    for d in DIALECTS:
        lines = st.source.get(d, st.source['both'])
        text = re.sub(f'({QUOTED})|{COMMENT}', lambda m: m[1] or ' ', '\n'.join(lines), flags=re.S)
        text = ' '.join(text.split()) if "'" not in text else text.strip()
        text = text[:-1].rstrip() if text.endswith(';') else text
        if not text:
            raise st.bad(f'no text for {d}')
        if re.search(';', re.sub(QUOTED, '', text)):
            raise st.bad('more than one statement; each needs its own header')
        st.plain[d] = text
        st.text[d] = expand(st, d, text)


MAX_FIELDS = 256  # STORE_MAX_FIELDS of store_int.h


def repeated(st):
    """The statement that puts, or takes out, as many rows at once as "-- times:" says."""
    many = Statement(st.path, st.line, f'{st.name}_many')
    many.kind, many.given, many.times, many.of = st.kind, st.given, st.times, st
    if st.kind != 'do' or not 1 < st.times * len(st.given['in']) <= MAX_FIELDS:
        raise st.bad(f'"-- times:" is for "do" and {MAX_FIELDS} parameters at most')
    for d in DIALECTS:
        gone = re.fullmatch(r'(DELETE FROM \w+ WHERE )(.*)', st.plain[d], flags=re.S)
        if gone:
            many.text[d] = gone[1] + ' OR '.join(f'({expand(st, d, gone[2], i * len(st.given["in"]))})' for i in range(st.times))
            continue
        m = re.fullmatch(r'(INSERT INTO .*? VALUES )(\(.*)', st.plain[d], flags=re.S)
        depth, end = 0, 0
        for end, c in enumerate(m[2] if m else ''):
            depth += (c == '(') - (c == ')')
            if depth == 0:
                break
        row = m[2][:end + 1] if m else ''
        if not m or ':' in re.sub('::', '', m[1] + m[2][end + 1:]):
            raise st.bad('"-- times:" repeats DELETE FROM … WHERE …, or INSERT INTO … VALUES (…) with all parameters in the brackets')
        rows = (expand(st, d, row, i * len(st.given['in'])) for i in range(st.times))
        many.text[d] = m[1] + ', '.join(rows) + m[2][end + 1:]
    return many


def expand(st, dialect, text, shift=0):
    """Puts parameters and macros into the words of one database; they are numbered from shift + 1 on."""
    given = {f.name: (shift + i + 1, f) for i, f in enumerate(st.given['in'])}
    used = set()

    def parameter(name):
        if name not in given:
            raise st.bad(f'":{name}" is not in its "-- in:"')
        used.add(name)
        n, f = given[name]
        return f'?{n}' if dialect == 'sqlite' else f'${n}::{f.postgres}'

    def texts(name):
        p = parameter(name)
        if given[name][1].kind != 'texts':
            raise st.bad(f'":{name}" must be "texts" here')
        return p

    def each(p):
        return f'json_each({p})' if dialect == 'sqlite' else f'jsonb_array_elements_text({p}::jsonb)'

    def replace(m):
        if m['quoted'] or m['cast']:
            return m[0]
        if m['param']:
            return parameter(m['param'])
        macro, args = m['macro'], [a.strip() for a in (m['args'] or '').split(',')]
        names = [a[1:] for a in args if a.startswith(':')]
        if macro == 'now' and not m['args']:
            return ("CAST((julianday('now') - 2440587.5) * 86400000000.0 AS INTEGER)" if dialect == 'sqlite'
                    else 'CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)')
        if macro == 'list' and len(args) == len(names) == 1:
            return f'(SELECT value FROM {each(texts(names[0]))}' + (
                ')' if dialect == 'sqlite' else ' AS list_(value))')
        if macro == 'prefix' and len(args) == 2 and args[1].startswith(':'):
            p, column = texts(names[-1]), args[0]
            if dialect == 'sqlite':
                return (f'({p} IS NULL OR EXISTS (SELECT 1 FROM json_each({p}) AS scope_'
                        f' WHERE substr({column}, 1, length(scope_.value)) = scope_.value))')
            return (f'({p} IS NULL OR EXISTS (SELECT 1 FROM jsonb_array_elements_text({p}::jsonb)'
                    f' AS scope_(value) WHERE starts_with({column}, scope_.value)))')
        raise st.bad(f'"{m[0]}" is not @now, @list(:texts) or @prefix(column, :texts)')

    out = re.sub(rf'(?P<quoted>{QUOTED})|(?P<cast>::)|:(?P<param>[a-z][a-z0-9_]*)'
                 r'|@(?P<macro>[a-z]+)(?:\((?P<args>[^()]*)\))?', replace, text)
    for name in given:
        if name not in used:
            raise st.bad(f'":{name}" is given but not used in the text for {dialect}')
    return out


class Migration:
    def __init__(self, path):
        self.path = path
        m = re.fullmatch(r'([0-9]{4})_([a-z0-9_]+)\.sql', os.path.basename(path))
        if not m or int(m[1]) == 0:
            raise Bad(path, 1, 'a migration is called NNNN_words.sql, from 0001')
        self.version, self.name = int(m[1]), m[2]
        self.text = {d: '' for d in DIALECTS}
        section, parts, told = 'both', [['both', '']], []
        for line in open(path, encoding='utf-8').read().split('\n'):
            mark = SECTION.match(line)
            if mark:
                section = mark[1]
                parts.append([section, ''])
            elif section != 'both' or not line.lstrip().startswith('--'):
                parts[-1][1] += line + '\n'
            if mark or not line.lstrip().startswith('--'):
                told.append(line)
        for section, text in parts:
            for d in DIALECTS:
                if section == 'both':
                    self.text[d] += ''.join(translate(d, s) for s in split(text))
                elif section == d:
                    self.text[d] += text
        # Comments and white space may be mended after a release; anything else changes the hash.
        self.hash = hashlib.sha256(' '.join('\n'.join(told).split()).encode()).hexdigest()


def split(text):
    """Statements with their semicolons; one in a quoted text does not count."""
    text = re.sub(f'({QUOTED})|{COMMENT}', lambda m: m[1] or ' ', text, flags=re.S)
    return [s for s in re.findall(rf'(?:{QUOTED}|[^;\'"])+;?', text, flags=re.S) if s.strip()]


def translate(dialect, text):
    """The types of a table's columns in the words of one database."""
    table = re.match(r'\s*(CREATE TABLE|ALTER TABLE)\b', text, flags=re.I)
    if not table:
        return text.strip() + '\n'

    def words(s):
        if dialect == 'sqlite':
            s = re.sub(r'(?<!AS )\bINT\b', 'INTEGER', s)
            return re.sub(r'\b(\w+)\s+BOOL\b', r'\1 INTEGER CHECK (\1 IN (0, 1))', s)
        s = re.sub(r'(?<!AS )\bINT\b', 'BIGINT', s)
        s = re.sub(r'(?<!AS )\bREAL\b', 'DOUBLE PRECISION', s)
        s = re.sub(r'(?<!AS )\bTEXT\b', 'TEXT COLLATE "C"', s)  # order bytewise, as SQLite does
        s = re.sub(r'\bBLOB\b', 'BYTEA', s)
        s = re.sub(r'\bBOOL\b', 'BOOLEAN', s)
        return re.sub(r'\bWITHOUT\s+ROWID\b', '', s)

    out = ''.join(p if i % 2 else words(p) for i, p in enumerate(re.split(f'({QUOTED})', text)))
    out = out.strip().rstrip(';').rstrip()
    if dialect == 'sqlite' and table[1].upper() == 'CREATE TABLE':
        out += ', STRICT' if re.search(r'WITHOUT\s+ROWID$', out, flags=re.I) else ' STRICT'
    return out + ';\n'


def files(folder, kind):
    path = os.path.join(folder, kind)
    names = sorted(os.listdir(path)) if os.path.isdir(path) else []
    return [os.path.join(path, n) for n in names if n.endswith('.sql')]


def load(folder):
    statements = [s for f in files(folder, 'sql') for s in read_statements(f)]
    migrations = [Migration(f) for f in files(folder, 'migrations')]
    for items, key in ((statements, 'name'), (migrations, 'version')):
        seen = {}
        for i in items:
            k = getattr(i, key)
            if k in seen:
                raise Bad(i.path, getattr(i, 'line', 1), f'{key} {k} is there already, in {seen[k].path}')
            seen[k] = i
    return statements, migrations


def c_text(text):
    """A C string literal, one line of it for each line of the text."""
    quote = str.maketrans({'\\': '\\\\', '"': '\\"', '\t': ' '})
    lines = text.rstrip('\n').translate(quote).split('\n')
    return '\n\t        '.join(f'"{line}\\n"' if i + 1 < len(lines) else f'"{line}"' for i, line in enumerate(lines))


def header(statements, name):
    out = [f'/* Made by tools/sqlgen.py from .sql files; see docs/internals/store.md. */',
           f'#ifndef HEMING_{name.upper()}_SQL_H', f'#define HEMING_{name.upper()}_SQL_H', '',
           '#include "store/store.h"', '']
    for s in statements:
        f = f'sql_{s.name}'
        if s.of:
            out += [f'extern const struct store_statement sql__{s.name};',
                    f'MUST_USE static inline int {f}(', f'        struct store_tx *tx, const struct sql_{s.of.name}_in *in, size_t n, struct err *e)', '{',
                    f'\treturn store_do_many(tx, &sql__{s.of.name}, &sql__{s.name}, {s.times}, in, sizeof(*in), n, e);',
                    '}', '']
            continue
        out += [f'/* {" ".join(s.words)} */'.replace('*/ */', '*/')]
        for part, struct in (('in', f'{f}_in'), ('out', f'{f}_row')):
            if s.given[part]:
                out += [f'struct {struct} {{'] + [
                    f'\t{x.c} {x.name};' + (' /* may be NULL */' if x.null else '') for x in s.given[part]] + ['};']
        out += [f'extern const struct store_statement sql__{s.name};']
        par = f'const struct {f}_in *in, ' if s.given['in'] else ''
        arg = 'in' if s.given['in'] else 'NULL'
        begin = f'MUST_USE static inline int {f}'
        if s.kind == 'do':
            out += [f'{begin}(struct store_tx *tx, {par}int64_t *changed, struct err *e)', '{',
                    f'\treturn store_do(tx, &sql__{s.name}, {arg}, changed, e);', '}']
        elif s.kind == 'one':
            out += [f'{begin}(struct store_tx *tx, {par}struct {f}_row *row, struct err *e)', '{',
                    f'\treturn store_first(tx, &sql__{s.name}, {arg}, row, e);', '}']
            if s.given['in']:
                out += [f'{begin}_ahead(struct store_tx *tx, {par}size_t n, struct err *e)', '{',
                        f'\treturn store_ahead(tx, &sql__{s.name}, in, sizeof(*in), n, e);', '}']
        else:
            out += [f'{begin}_open(struct store_tx *tx, {par}struct store_rows **rows, struct err *e)', '{',
                    f'\treturn store_rows_open(tx, &sql__{s.name}, {arg}, rows, e);', '}',
                    f'{begin}_next(struct store_rows *rows, struct {f}_row *row, struct err *e)', '{',
                    '\treturn store_rows_next(rows, row, e);', '}']
        out += ['']
    return '\n'.join(out + ['#endif', ''])


def table(statements, migrations, name, include, first):
    out = ['/* Made by tools/sqlgen.py. */', f'#include "{include}"', '#include "store/store_int.h"', '']
    for i, s in enumerate(statements):
        if s.of:
            struct = f'struct sql_{s.of.name}_in'
            out += [f'static const struct store_field {s.name}_in[] = {{'] + [
                f'\t{{"{x.name}", {x.const}, {str(x.null).lower()}, {k} * sizeof({struct}) + offsetof({struct}, {x.name})}},'
                for k in range(s.times) for x in s.given['in']] + ['};']
        for part, struct in (('in', 'in'), ('out', 'row')) if not s.of else ():
            if s.given[part]:
                out += [f'static const struct store_field {s.name}_{part}[] = {{'] + [
                    f'\t{{"{x.name}", {x.const}, {str(x.null).lower()}, '
                    f'offsetof(struct sql_{s.name}_{struct}, {x.name})}},' for x in s.given[part]] + ['};']
        out += [f'const struct store_statement sql__{s.name} = {{', f'\t.name = "{s.name}",',
                f'\t.where = "{os.path.basename(s.path)}:{s.line}",',
                f'\t.kind = {KINDS[s.kind]},', f'\t.index = {first + i},']
        out += [f'\t.text = {{{c_text(s.text["sqlite"])},', f'\t        {c_text(s.text["postgres"])}}},']
        for part, count in (('in', 'ins'), ('out', 'outs')):
            if s.given[part]:
                out += [f'\t.{part} = {s.name}_{part},', f'\t.{count} = {len(s.given[part]) * (s.times if s.of else 1)},']
        if s.given['out']:
            out += [f'\t.row_size = sizeof(struct sql_{s.name}_row),']
        out += ['};', '']
    for what, items, entry in (
            ('statements', statements, lambda s: [f'\t&sql__{s.name},']),
            ('migrations', migrations, lambda m: [
                f'\t{{{m.version}, "{m.name}",', f'\t        "{m.hash}",',
                f'\t        {{{c_text(m.text["sqlite"])},', f'\t        {c_text(m.text["postgres"])}}}}},'])):
        c = 'struct store_statement *const' if what == 'statements' else 'struct store_migration'
        if items:
            out += [f'static const {c} {what}[] = {{'] + [x for i in items for x in entry(i)] + ['};', '']
    out += [f'const struct store_schema {name} = {{', f'\t.first = {first},']
    for what, items in (('statements', statements), ('migrations', migrations)):
        if items:
            out += [f'\t.{what} = {what},', f'\t.{what}_n = {len(items)},']
    return '\n'.join(out + ['};', ''])


def main():
    p = argparse.ArgumentParser()
    for word in ('--name', '--header', '--include', '--table', '--depfile'):
        p.add_argument(word, required=True)
    p.add_argument('--after')
    p.add_argument('folder')
    o = p.parse_args()
    try:
        before = load(o.after)[0] if o.after else []
        statements, migrations = load(o.folder)
    except (Bad, OSError, UnicodeDecodeError) as bad:
        sys.exit(f'{bad}')
    taken = {s.name: s for s in before}
    for s in statements:
        if s.name in taken:
            sys.exit(str(s.bad(f'is there already, in {taken[s.name].path}')))
    for path, text in ((o.header, header(statements, o.name)),
                       (o.table, table(statements, migrations, o.name, o.include, len(before)))):
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
    with open(o.depfile, 'w', encoding='utf-8') as f:
        deps = []
        for folder in filter(None, (o.folder, o.after)):
            for kind in ('sql', 'migrations'):
                if os.path.isdir(os.path.join(folder, kind)):
                    deps += [os.path.join(folder, kind)] + files(folder, kind)
        f.write(f'{o.header} {o.table}: {" ".join(d.replace(" ", chr(92) + " ") for d in deps)}\n')


if __name__ == '__main__':
    main()
