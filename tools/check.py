#!/usr/bin/env python3
"""Runs the checks of the house and counts them; ./test calls it when everything needed is installed."""
import argparse
import atexit
import concurrent.futures
import contextlib
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / 'build'
LOG = BUILD / 'log'
CPUS = min(os.cpu_count() or 1, 8)
SUITES = Path(os.environ.get('HEMING_SUITES', TOP.parent / 'shared' / 'suites'))

# name: (compiler, what meson is told). Each is a folder of build/.
VARIANTS = {
    'dev': ('gcc', ['--buildtype=debugoptimized']),
    'asan': ('clang', ['--buildtype=debugoptimized', '-Db_sanitize=address,undefined', '-Db_lundef=false']),
    'tsan': ('clang', ['--buildtype=debugoptimized', '-Db_sanitize=thread', '-Db_lundef=false']),
    'gcc': ('gcc', ['--buildtype=release']),
    'clang': ('clang', ['--buildtype=release']),
    'fuzzer': ('clang', ['--buildtype=debugoptimized', '-Db_sanitize=address,undefined', '-Db_lundef=false',
                         '-Dfuzzer=true']),
}
VARIANT_WORDS = {
    'dev': 'gcc', 'asan': 'clang, ASan and UBSan', 'tsan': 'clang, TSan', 'gcc': 'gcc, release',
    'clang': 'clang, release', 'fuzzer': 'clang, libFuzzer',
}
SANITIZER_ENV = {
    'ASAN_OPTIONS': 'detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
    'TSAN_OPTIONS': 'halt_on_error=1:second_deadlock_stack=1',
}


class Board:
    """Counts, and tells a person. Every failure is one line, with the end of its log behind it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = self.failed = self.skipped = 0
        self.patient = False  # a program that failed is run once more
        self.again = []       # those, as functions
        self.unstable = []    # and those of them that passed then
        self.live = sys.stderr.isatty()
        self.part = ''
        self.status_shown = False

    def _clear(self):
        if self.status_shown:
            sys.stderr.write('\r\033[K')
            self.status_shown = False

    def status(self, words):
        with self.lock:
            if self.live:
                self._clear()
                sys.stderr.write(f'  {self.part}: {words}'[:100])
                sys.stderr.flush()
                self.status_shown = True

    def line(self, words):
        with self.lock:
            self._clear()
            print(words, flush=True)

    def count(self, passed=0, failed=0, skipped=0):
        with self.lock:
            self.passed += passed
            self.failed += failed
            self.skipped += skipped

    def result(self, ok, name, words='', log=None):
        """One check. `words`: why it failed, one line each; `log`: a file whose end is shown."""
        self.count(passed=bool(ok), failed=not ok)
        if ok:
            return
        lines = [w for w in words.splitlines() if w.strip()] if isinstance(words, str) else list(words)
        self.line(f'FAILED {self.part}: {name}' + (f': {lines[0]}' if len(lines) == 1 else ''))
        if len(lines) > 1:
            for w in lines[:40]:
                self.line(f'    {w}')
            if len(lines) > 40:
                self.line(f'    … and {len(lines) - 40} more')
        if log:
            self.end_of(log)

    def end_of(self, log):
        said = Path(log).read_text(errors='replace').splitlines()
        said = [w for w, after in zip(said, said[1:] + ['']) if not (w.startswith('input ') and after.startswith('input '))]
        for w in said[-25:]:
            self.line(f'    | {w}')
        self.line(f'    (all of it: {os.path.relpath(log, TOP)})')


board = Board()
running = set()
running_lock = threading.Lock()


def stop_all():
    """Ends the process groups that this run started and that still live."""
    with running_lock:
        groups = list(running)
    for pid in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def start(cmd, **more):
    """A child in a process group of its own, known to stop_all()."""
    p = subprocess.Popen([str(c) for c in cmd], cwd=more.pop('cwd', TOP), stdin=subprocess.DEVNULL,
                         start_new_session=True, **more)
    with running_lock:
        running.add(p.pid)
    return p


def run(cmd, name, timeout=600, env=None, cwd=TOP):
    """Runs to the end with its output in build/log/NAME.log. Returns (exit code, output, log file)."""
    log = LOG / (re.sub(r'[^A-Za-z0-9._-]+', '-', name) + '.log')
    with open(log, 'w+b') as out:
        p = start(cmd, cwd=cwd, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})})
        try:
            rc = p.wait(timeout)
        except subprocess.TimeoutExpired:
            rc = 124
            out.write(f'\nstopped: it ran for more than {timeout} s\n'.encode())
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)  # what it left running
            p.wait()
            with running_lock:
                running.discard(p.pid)
        out.seek(0)
        text = out.read().decode(errors='replace')
    return rc, text, log


def in_parallel(jobs, workers=CPUS):
    """Calls every job (label, function); shows how far it is."""
    done = 0
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(f): label for label, f in jobs}
        for f in concurrent.futures.as_completed(futures):
            done += 1
            board.status(f'{done}/{len(jobs)} {futures[f]}')
            f.result()
    while board.again:
        board.again.pop(0)()


# What no second run may hide: races, leaks and wild reads show themselves seldom.
REPORT = re.compile(r'==\d+==ERROR: |WARNING: ThreadSanitizer|ERROR: LeakSanitizer|runtime error:|panic|must hold')


def judged(label, cmd, name, judge, **more):
    """Runs a program and hands (label, exit code, output, log) to `judge`. In the whole run a program that failed
    without a report of its own is run once more when the others are done, so that a moment of a busy machine
    does not end the run; passing then, it is told as unstable with the words of its failure."""
    rc, text, log = run(cmd, name, **more)
    if not board.patient or rc in (0, 77) or REPORT.search(text):
        judge(label, rc, text, log)
        return
    failures, first = [f for f in tap(text) if not f[0]], log.with_suffix('.first.log')

    def again():
        shutil.copyfile(log, first)
        rc, text, _ = run(cmd, name, **more)
        if rc == 0:
            board.unstable.append(label)
            board.line(f'UNSTABLE {board.part}: {label} failed, then passed when it was run again')
            for _, _, test, remarks in failures:
                board.line('\n'.join(f'    {w}' for w in [test, *remarks[-12:]]))
            board.line(f'    (all of it: {os.path.relpath(first, TOP)})')
        judge(label, rc, text, log)

    board.again.append(again)


def tracked(*patterns):
    """Files that git knows or would take in, by pattern."""
    out = subprocess.run(['git', 'ls-files', '-z', '-c', '-o', '--exclude-standard', '--', *patterns], cwd=TOP,
                         check=True, capture_output=True, text=True).stdout
    return sorted(f for f in set(out.split('\0')) if f and (TOP / f).exists())


# ---------------------------------------------------------------- builds

built = {}


def build(variant):
    """Configures (once) and compiles build/VARIANT; the folder, or None when that failed. Counts as one check."""
    if variant in built:
        return built[variant]
    compiler, options = VARIANTS[variant]
    folder = BUILD / variant
    began = time.monotonic()
    board.status(f'building ({VARIANT_WORDS[variant]})')
    rc, log = 0, None
    if not (folder / 'build.ninja').exists():
        shutil.rmtree(folder, ignore_errors=True)
        rc, _, log = run(['meson', 'setup', folder, *options], f'setup-{variant}', env={'CC': compiler})
    if rc == 0:
        rc, text, log = run(['ninja', '-C', folder], f'build-{variant}', timeout=1200)
        errors = [w.replace('../../', '') for w in text.splitlines() if re.search(r'error:|undefined reference', w)]
    else:
        errors = []
    board.result(rc == 0, f'build ({VARIANT_WORDS[variant]})', errors, None if errors or rc == 0 else log)
    if rc == 0 and not board.live and time.monotonic() - began > 5:
        board.line(f'  built {variant} ({VARIANT_WORDS[variant]}) in {time.monotonic() - began:.0f} s')
    if variant == 'dev' and not (TOP / 'compile_commands.json').exists():  # for editors
        with contextlib.suppress(OSError):
            (TOP / 'compile_commands.json').symlink_to('build/dev/compile_commands.json')
    built[variant] = folder if rc == 0 else None
    return built[variant]


def programs(variant, below):
    """Programs of a build defined below a folder of the source: [(name, path)]."""
    folder = build(variant)
    if not folder:
        return []
    found = []
    for t in json.loads((folder / 'meson-info' / 'intro-targets.json').read_text()):
        where = os.path.relpath(t['defined_in'], TOP)
        if t['type'] == 'executable' and where.startswith(below + '/'):
            found.append((t['name'], Path(t['filename'][0])))
    return sorted(found)


def heming(variant):
    for name, path in programs(variant, 'src/cli'):
        if name == 'heming':
            return path
    return None


def sanitized(variant, cmd):
    """clang 14's sanitizers need an address space without much randomness; setarch -R gives that."""
    if variant in ('asan', 'tsan', 'fuzzer') and can_setarch():
        return ['setarch', '-R', *cmd]
    return list(cmd)


_setarch = []


def can_setarch():
    if not _setarch:
        ok = shutil.which('setarch') and subprocess.run(['setarch', '-R', 'true'], capture_output=True).returncode == 0
        _setarch.append(ok)
    return _setarch[0]


# ---------------------------------------------------------------- PostgreSQL

class Postgres:
    """One throw-away cluster of Debian's PostgreSQL, on a socket in a folder of its own."""

    def __init__(self):
        self.dir = None
        self.conninfo = None

    def start(self):
        bins = sorted(Path('/usr/lib/postgresql').glob('*/bin/initdb'), key=lambda p: int(p.parts[-3]))
        if not bins:
            return 'PostgreSQL is not installed (apt-get install postgresql)'
        self.bin = bins[-1].parent
        # The path of a socket may have 107 bytes only, so not below build/.
        self.dir = Path(tempfile.mkdtemp(prefix='heming-pg-'))
        self.user = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            shutil.chown(self.dir, 'postgres')
            self.user = ['runuser', '-u', 'postgres', '--']
        os.chmod(self.dir, 0o755)
        port = random.randint(20000, 60000)  # of the socket's name only; no TCP
        options = (f'-k {self.dir} -p {port} -c listen_addresses= -c fsync=off -c synchronous_commit=off '
                   '-c full_page_writes=off -c max_connections=200 -c shared_buffers=64MB')
        board.status('starting PostgreSQL')
        for cmd in (
                [self.bin / 'initdb', '-D', self.dir / 'data', '-U', 'heming', '-A', 'trust', '-E', 'UTF8',
                 '--locale=C.UTF-8', '--no-sync', '--no-instructions'],
                [self.bin / 'pg_ctl', '-D', self.dir / 'data', '-l', self.dir / 'log', '-w', '-t', '60', '-o', options,
                 'start']):
            p = subprocess.run([*self.user, *map(str, cmd)], cwd=self.dir, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
            if p.returncode != 0:
                return p.stdout
        self.conninfo = f'host={self.dir} port={port} user=heming dbname=postgres'
        return None

    def stop(self):
        if not self.dir:
            return
        subprocess.run([*self.user, str(self.bin / 'pg_ctl'), '-D', str(self.dir / 'data'), '-m', 'immediate', '-w',
                        'stop'], cwd='/', capture_output=True)
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir = None


postgres = Postgres()
_postgres_tried = []


def postgres_env():
    """HEMING_TEST_POSTGRES for the children, or nothing when there is none; that is one failed check then."""
    if not _postgres_tried:
        why = postgres.start()
        _postgres_tried.append(True)
        board.result(why is None, 'PostgreSQL starts', why or '')
    return {'HEMING_TEST_POSTGRES': postgres.conninfo} if postgres.conninfo else {}


# ---------------------------------------------------------------- TAP

TAP = re.compile(r'^(not )?ok\b(?:\s+\d+)?\s*(?:-\s*)?(.*)$')


def tap(text):
    """Results of a TAP text at its outermost level: [(ok, skipped, name, remarks)]. Remarks are what stands
    before the result, as our own harness writes it, and the block behind it, as node's does."""
    found, remarks, inside = [], [], False
    for line in text.splitlines():
        m = TAP.match(line)
        if m:
            skip = bool(re.search(r'#\s*SKIP', m.group(2), re.I))
            name = re.sub(r'\s+# [\d.]+ s$', '', m.group(2))
            found.append((not m.group(1), skip, name.strip(), remarks))
            remarks = []
        elif line == '  ---' and found:
            inside = True
        elif inside:
            inside = line != '  ...'
            if inside:
                found[-1][3].append(line)
        elif line.strip() and not re.match(r'TAP version|1\.\.\d+$|# (Subtest|tests|suites|pass|fail)\b', line):
            remarks.append(line.removeprefix('# '))
    return found


def by_exit_code(label, rc, text, log):
    if rc == 77:
        board.count(skipped=1)
    else:
        board.result(rc == 0, label, '' if rc == 0 else f'exit code {rc}', log)


def tap_result(label, rc, text, log):
    """Counts a program that speaks TAP; one that does not counts as one check by its exit code."""
    found = tap(text)
    bad = 0
    for ok, skip, name, remarks in found:
        if skip:
            board.count(skipped=1)
        elif ok:
            board.count(passed=1)
        else:
            bad += 1
            board.result(False, f'{label} {name}', remarks if len(remarks) < 30 else [*remarks[:20], '…', *remarks[-9:]])
    if not found and rc == 77:
        board.count(skipped=1)
    elif not found or (rc != 0 and not bad):
        board.result(rc == 0, label, '' if rc == 0 else f'exit code {rc}', log if rc != 0 else None)
    elif bad and REPORT.search(text):
        board.line(f'    (reports of the program itself: {os.path.relpath(log, TOP)})')


# ---------------------------------------------------------------- lint

def lint_format():
    files = tracked('*.c', '*.h')
    rc, text, _ = run(['clang-format', '--dry-run', '-Werror', '--ferror-limit=1', *files], 'lint-format')
    bad = sorted({m.group(1) for m in re.finditer(r'^([^\s:]+):\d+:\d+: error', text, re.M)})
    board.result(rc == 0, 'clang-format', [f'clang-format -i {" ".join(bad)}'] if bad else text)


def lint_layers():
    rc, text, _ = run([sys.executable, 'tools/layers.py'], 'lint-layers')
    board.result(rc == 0, 'layers', text)


def lint_headers():
    """Every header compiles by itself, with both compilers' eyes on the including order."""
    flags = subprocess.run(['pkg-config', '--cflags', 'libpq', 'libmicrohttpd', 'sqlite3', 'libcurl'],
                           capture_output=True, text=True).stdout.split()
    made = build('dev')  # some headers include generated ones
    flags += [f'-I{d}' for d in sorted({str(h.parent) for h in made.rglob('*.h')} | {str(made / 'src')})] if made else []
    base = ['-std=gnu17', '-D_GNU_SOURCE', '-Isrc', '-Itests/unit', '-Wall', '-Wextra', '-Werror', '-Wno-unused-function',
            '-fsyntax-only', *flags, '-x', 'c']
    bad = []
    lock = threading.Lock()

    def one(h):
        p = subprocess.run(['gcc', *base, '-include', h, '/dev/null'], cwd=TOP, capture_output=True, text=True)
        if p.returncode != 0:
            with lock:
                bad.append(next((w for w in p.stderr.splitlines() if 'error' in w), h))

    in_parallel([(h, lambda h=h: one(h)) for h in tracked('src/*.h', 'tests/*.h')])
    board.result(not bad, 'headers compile alone', sorted(bad))


# (what, where it is looked for, where it is allowed, expression, words)
FORBIDDEN = [
    ('SQL', r'^src/.*\.[ch]$', r'^src/(store/|series/files[a-z_]*\.[ch])',  # the block files of series/ are SQLite files
     r'"\s*(SELECT\s|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+(TABLE|INDEX)|DROP\s+TABLE)',
     'SQL outside store/: name a statement in the store'),
    ('SQL by format', r'^src/.*\.c$', r'^src/store/',
     r'(printf|sb_printf)\s*\([^;]*"[^"]*\b(SELECT|INSERT INTO|UPDATE|DELETE FROM|WHERE)\b[^"]*%[-0-9.*l]*[sd]',
     'a value formatted into SQL: bind it'),
    ('exit', r'^src/.*\.c$', r'^src/cli/', r'(?<![\w.>])(_?exit|quick_exit|_Exit)\s*\(', 'exit below cli/: return an error'),
    ('abort', r'^src/.*\.c$', r'^src/(base/base\.c|cli/)', r'(?<![\w.>])abort\s*\(', 'abort: say must() or wrong()'),
    ('clock', r'^src/.*\.c$', r'^src/base/(clock|log|queue)\.c$',
     r'(?<![\w.>])(time\s*\(\s*(NULL|0|&)|gettimeofday\s*\(|clock_gettime\s*\((?!\w+, &until\)))',
     'time comes from base/clock.h (only the deadline of a condition variable does not, and is named `until`)'),
    ('random', r'^src/.*\.c$', r'^$', r'(?<![\w.>])(rand|random|drand48|srand)\s*\(', 'randomness comes from base/id.h'),
    ('shell', r'^src/.*\.c$', r'^$', r'(?<![\w.>])(system|popen)\s*\(', 'no shell is run'),
    ('stdout', r'^src/.*\.c$', r'^src/cli/', r'(?<![\w.>])(printf|puts|putchar|perror)\s*\(', 'only cli/ prints'),
    ('city', r'^src/.*\.[ch]$', r'^$', r'盐城|亭湖|盐都|大丰|响水|滨海|阜宁|射阳|建湖|东台|yancheng',
     'C knows no place: it belongs into a pack'),
    ('unfinished', r'^(src|web/src|tools|packs|tests)/.*\.(c|h|ts|vue|py|sh|yaml|csv|mjs|scn)$', r'^tools/check\.py$',
     r'\b(TODO|FIXME|XXX|HACK)\b', 'unfinished'),
]


def without_comments(text):
    """C text with comments blanked, strings kept, lines kept."""
    return re.sub(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|/\*.*?\*/|//[^\n]*',
                  lambda m: m.group(0) if m.group(0)[0] in '"\'' else re.sub(r'[^\n]', ' ', m.group(0)), text, flags=re.S)


def lint_forbidden():
    bad = []
    for f in tracked('src', 'web/src', 'tools', 'packs', 'tests'):
        rules = [r for r in FORBIDDEN if re.search(r[1], f) and not re.search(r[2], f)]
        if not rules:
            continue
        text = (TOP / f).read_text(errors='replace')
        bare = without_comments(text) if f.endswith(('.c', '.h')) else text
        for what, _, _, expression, words in rules:
            for m in re.finditer(expression, text if what in ('unfinished', 'city') else bare):
                bad.append(f'{f}:{text.count(chr(10), 0, m.start()) + 1}: {words} ({m.group(0).strip()[:40]})')
    board.result(not bad, 'forbidden words', bad)


def lint_shell():
    rc, text, _ = run(['shellcheck', '-x', '-f', 'gcc', 'run', 'test', '.ci/run', *tracked('*.sh')], 'lint-shell')
    board.result(rc == 0, 'shellcheck', text)


def lint_paths():
    """Every path that the documents for readers of the code name is there."""
    bad = []
    for doc in tracked('ARCHITECTURE.md', 'CONTRIBUTING.md', 'README.md', 'README.zh-CN.md', 'docs/*.md'):
        text = (TOP / doc).read_text()
        for m in re.finditer(r'`((?:src|tests|tools|packs|docs|web)/[A-Za-z0-9_./-]+)`', text):
            made = re.search(r'^web/dist|/[XY](?:[_./]|$)|_words\.', m.group(1))  # by the build, or X for any name
            if not made and not (TOP / m.group(1)).exists():
                bad.append(f'{doc}:{text.count(chr(10), 0, m.start()) + 1}: there is no {m.group(1)}')
    board.result(not bad, 'paths in documents', bad)


def lint_tidy():
    """clang-tidy over every .c file whose text, or the text of a header it reaches, it has not yet seen clean."""
    folder = build('clang')
    if not folder:
        return
    seen = BUILD / 'tidy'
    seen.mkdir(exist_ok=True)
    tool = subprocess.run(['clang-tidy', '--version'], capture_output=True, text=True).stdout
    common = (TOP / '.clang-tidy').read_text() + tool
    commands = {}
    for c in json.loads((folder / 'compile_commands.json').read_text()):
        f = os.path.relpath(os.path.join(c['directory'], c['file']), TOP)
        if not f.startswith(('build', '..')):
            commands[f] = c['command']
    texts = {}

    def reach(f, found):
        if f in found:
            return found
        found.add(f)
        if f not in texts:
            texts[f] = (TOP / f).read_text()
        for name in re.findall(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', texts[f], re.M):
            for other in (f'src/{name}', os.path.normpath(os.path.join(os.path.dirname(f), name)), f'tests/unit/{name}'):
                if (TOP / other).is_file():
                    reach(other, found)
                    break
        return found

    # The analyzer walks every path; those of the tests run anyway, under sanitizers. A third of its usual nodes a
    # function takes a third of the time.
    budget = [f'--extra-arg={a}' for a in ('-Xclang', '-analyzer-config', '-Xclang', 'max-nodes=75000')]
    less = {True: ['--checks=-clang-analyzer-*'], False: budget}
    common += str(less)

    def one(f, mark):
        rc, text, log = run(['clang-tidy', '--quiet', *less[f.startswith('tests/')], '-p', folder, f], f'tidy-{f}', timeout=300)
        if rc == 0:
            mark.touch()
        lines = sorted(set(re.findall(r'^\S+?:\d+:\d+: (?:error|warning): .*$', text, re.M)))
        board.result(rc == 0, f'clang-tidy {f}', [w.replace(str(TOP) + '/', '') for w in lines] or f'exit code {rc}')

    jobs = []
    for f in sorted(commands):
        h = hashlib.sha256((common + commands[f]).encode())
        for other in sorted(reach(f, set())):
            h.update(texts[other].encode() + b'\0')
        mark = seen / h.hexdigest()
        if mark.exists():
            board.count(passed=1)
        else:
            jobs.append((f, lambda f=f, mark=mark: one(f, mark)))
    in_parallel(jobs)


LINTS = {
    'format': lint_format, 'layers': lint_layers, 'headers': lint_headers, 'forbidden': lint_forbidden,
    'shell': lint_shell, 'paths': lint_paths, 'tidy': lint_tidy,
}


def part_lint(words):
    for name in words or LINTS:
        if name not in LINTS:
            sys.exit(f'test: lint knows {", ".join(LINTS)}, not {name}')
        board.status(name)
        LINTS[name]()


# ---------------------------------------------------------------- C tests

def part_tools(words):
    """The tools that judge everything else, judged: a check that cannot fail is none."""
    if not build('dev'):
        return
    for f in [os.path.relpath(os.path.abspath(w), TOP) for w in words] or tracked('tests/tools/*_test.py'):
        rc, text, log = run([sys.executable, '-B', f, '-v'], f'tools-{f}', env={'HEMING_BUILD': str(BUILD / 'dev')})
        good = len(re.findall(r' \.\.\. ok$', text, re.M))
        bad = re.findall(r'^(?:FAIL|ERROR): (\S+)', text, re.M)
        board.count(passed=good)
        for name in bad:
            board.result(False, f'{f} {name}')
        if bad or (rc != 0) or not good:
            board.result(rc == 0 and good, f, f'exit code {rc}', log)

def part_build(words):
    """Release builds by both compilers, and the limits that the binary must keep."""
    for variant in ('gcc', 'clang'):
        build(variant)
    binary = heming('gcc')
    if binary:
        out = LOG / 'heming.stripped'
        subprocess.run(['strip', '-o', str(out), str(binary)], check=True)
        size = out.stat().st_size
        out.unlink()
        board.result(size < 12_000_000, 'heming is smaller than 12 MB', f'{size} bytes, stripped')


THREADLESS = {'dmn', 'bpmn', 'form', 'promql', 'cli'}  # start no thread and lock nothing: nothing for TSan to see


def part_unit(words):
    """words: folders of src/, or words that select tests by their name."""
    parts = [w for w in words if (TOP / 'src' / w).is_dir()]
    names = [w for w in words if w not in parts]
    jobs = []

    def one(variant, name, path):
        def judge(label, rc, text, log):
            if not names or rc != 0 or tap(text):
                tap_result(label, rc, text, log)

        judged(f'{name} ({variant})', sanitized(variant, [path, *names]), f'unit-{variant}-{name}', judge, timeout=900,
               env={**SANITIZER_ENV, **database})

    for variant in ('dev', 'asan', 'tsan'):
        for name, path in programs(variant, 'tests/unit'):
            if variant == 'tsan' and path.parent.name in THREADLESS:
                continue
            if not parts or path.parent.name in parts:
                jobs.append((f'{name} ({variant})', lambda v=variant, n=name, p=path: one(v, n, p)))
    database = postgres_env() if (TOP / 'tests/unit/store').exists() and (not parts or {'store', 'city'} & set(parts)) else {}
    in_parallel(jobs)


def part_scenario(words):
    files = [os.path.relpath(os.path.abspath(w), TOP) for w in words] or tracked(':(glob)tests/scenario/*.scn')
    if not files:
        return
    jobs = []

    def one(variant, store, f, scn, binary):
        env = {**SANITIZER_ENV, 'HEMING': str(binary), 'HEMING_TEST_STORE': store,
               **(database if store == 'postgres' else {})}
        judged(f'{f} ({store}, {VARIANT_WORDS[variant]})', sanitized(variant, [scn, f]), f'scenario-{store}-{f}', by_exit_code,
               timeout=400, env=env)

    database = None
    for store, variant in (('sqlite', 'asan'), ('postgres', 'dev')):
        scn = dict(programs(variant, 'tests/scenario')).get('scn')
        binary = heming(variant)
        if not scn or not binary:
            board.result(False, f'scenarios ({store})', 'there is no scn or no heming in the build')
            continue
        if store == 'postgres':
            database = postgres_env()
            if not database:
                continue
        for f in files:
            jobs.append((f, lambda v=variant, s=store, f=f, p=scn, b=binary: one(v, s, f, p, b)))
    in_parallel(jobs, 2)


# Foreign conformance files, and our own beside them. {} is the folder of the foreign ones.
SUITE_ARGS = {
    'promql': ['promqltest/*.test'],
    'dmn-tck': ['dmn-tck/compliance-level-2/*'],
    'bpmn-miwg': ['bpmn-miwg/*.bpmn'],
}


def part_suite(words):
    suites = dict(programs('dev', 'tests/suite')) | dict(programs('dev', 'tests/suites'))
    if words:
        name, args = words[0], [os.path.abspath(w) if os.path.exists(w) else w for w in words[1:]]
        if name not in suites:
            board.result(False, f'suite {name}', f'there are {", ".join(suites) or "none"}')
            return
        rc, text, log = run([suites[name], *args], f'suite-{name}', timeout=600)
        print(text, end='')
        tap_result(name, rc, text, log)
        return

    def one(name, path, args):
        rc, text, log = run([path, *args], f'suite-{name}', timeout=600)
        tap_result(f'suite {name}', rc, text, log)

    def differ(binary):
        if not shutil.which('prometheus'):
            board.line('  skipped: our PromQL against prometheus, which is not installed')
        judged('against prometheus', [TOP / 'tests/suite/prometheus_diff.py'], 'suite-prometheus', tap_result, timeout=180,
               env={'HEMING': str(binary)})

    def remote_write(binary):
        rc, text, log = run([TOP / 'tests/suite/remote_write.py'], 'suite-remote-write', timeout=240, env={'HEMING': str(binary)})
        tap_result('remote write', rc, text, log)

    def remote_engine(binary):
        rc, text, log = run([TOP / 'tests/suite/remote_engine.py'], 'suite-remote-engine', timeout=240, env={'HEMING': str(binary)})
        tap_result('remote engine', rc, text, log)

    def remote_deletion(binary):
        rc, text, log = run([TOP / 'tests/suite/remote_deletion.py'], 'suite-remote-deletion', timeout=900, env={'HEMING': str(binary)})
        tap_result('remote deletion', rc, text, log)

    jobs = []
    binary = heming('dev')
    if binary:
        jobs.append(('against prometheus', lambda: differ(binary)))
        jobs.append(('remote write', lambda: remote_write(binary)))
        jobs.append(('remote engine', lambda: remote_engine(binary)))
        jobs.append(('remote deletion', lambda: remote_deletion(binary)))
    for name, path in suites.items():
        args = [f for pattern in SUITE_ARGS.get(name, []) for f in sorted(map(str, SUITES.glob(pattern)))]
        own = sorted(map(str, TOP.glob(f'tests/suite*/{name}/*')))
        if SUITE_ARGS.get(name) and not args:
            board.line(f'  skipped: suite {name}, its files are not at {os.path.relpath(SUITES, TOP)} (HEMING_SUITES says where)')
            board.count(skipped=1)
        if args or own:
            jobs.append((name, lambda n=name, p=path, a=args + own: one(n, p, a)))
    in_parallel(jobs)


def part_fuzz(words):
    """Without words: every target over its corpus, its past crashes and mutations of both. NAME SECONDS: libFuzzer."""
    if words:
        name = words[0]
        found = dict(programs('fuzzer', 'tests/fuzz')).get(f'{name}_fuzz')
        if not found:
            board.result(False, f'fuzz {name}', 'there is no such target')
            return
        grown = BUILD / 'corpus' / name
        grown.mkdir(parents=True, exist_ok=True)
        seeds = [TOP / f'tests/fuzz/{name}.in', TOP / f'tests/fuzz/{name}.repro']
        rc, text, log = run(sanitized('fuzzer', [found, f'-max_total_time={words[1] if len(words) > 1 else 60}', '-timeout=10',
                                                 f'-artifact_prefix={LOG}/', grown, *filter(Path.exists, seeds)]),
                            f'fuzz-{name}', timeout=86400)
        board.result(rc == 0, f'fuzz {name}', '' if rc == 0 else f'exit code {rc}', log if rc else None)
        return

    def one(name, path):
        short = name.removesuffix('_fuzz')
        folders = [TOP / f'tests/fuzz/{short}.in', TOP / f'tests/fuzz/{short}.repro']
        rc, text, log = run(sanitized('asan', [path, '-m', '200', *filter(Path.exists, folders)]), f'fuzz-{short}',
                            timeout=300, env=SANITIZER_ENV)
        board.result(rc == 0, f'fuzz {short}', '' if rc == 0 else f'exit code {rc}', log if rc else None)

    in_parallel([(n, lambda n=n, p=p: one(n, p)) for n, p in programs('asan', 'tests/fuzz') if n.endswith('_fuzz')])


# ---------------------------------------------------------------- pages

def part_web(words):
    """The scripts of web/package.json that are checks."""
    package = TOP / 'web/package.json'
    if not package.exists():
        return
    scripts = json.loads(package.read_text()).get('scripts', {})

    def one(script):
        rc, text, log = run(['npm', '--prefix', 'web', 'run', '--silent', script], f'web-{script}', timeout=300)
        bare = re.sub(r'\x1b\[[0-9;]*m', '', text)
        m = re.search(r'^\s*Tests\s+(?:(\d+) failed \| )?(\d+) passed', bare, re.M)  # vitest's last words
        if m and rc == 0:
            board.count(passed=int(m.group(2)))
            return
        board.count(passed=int(m.group(2)) if m else 0)
        board.result(rc == 0, f'npm run {script}', '' if rc == 0 else f'exit code {rc}', log if rc else None)

    jobs = [s for s in ('types', 'typecheck', 'check', 'lint', 'unit', 'test') if s in scripts and (not words or s in words)]
    in_parallel([(s, lambda s=s: one(s)) for s in jobs])


def part_scan(words):
    """A scanner of web applications against the running program, under ASan."""
    binary = heming('asan')
    if binary:
        in_parallel([('scan', lambda: judged('scan', sanitized('asan', [sys.executable, '-B', 'tests/scan/scan.py']), 'scan',
                                             tap_result, timeout=600, env={**SANITIZER_ENV, 'HEMING': str(binary)}))])


def part_browser(words):
    files = [os.path.relpath(os.path.abspath(w), TOP) for w in words] or tracked('tests/browser/*.mjs')
    files = [f for f in files if f.endswith('_test.mjs') or f.endswith('.test.mjs') or f in words]
    if not files:
        return
    binary = heming('dev')
    if not binary:
        return
    chromium = shutil.which('chromium') or shutil.which('chromium-browser')
    if not chromium:
        board.result(False, 'a browser', 'chromium is not installed')
        return

    def one(f):
        judged(f, ['node', '--test', '--test-reporter=tap', f], f'browser-{f}', tap_result, timeout=400,
               env={'HEMING': str(binary), 'CHROMIUM': chromium, 'HEMING_SHOTS': str(BUILD / 'shots')})

    (BUILD / 'shots').mkdir(exist_ok=True)
    in_parallel([(f, lambda f=f: one(f)) for f in files], 2)


# What a measurement is called with where nothing is said; {} is a folder of its own that does not outlive it.
BENCH_ARGS = {'store': ['{}'], 'series_engine': ['{}'], 'ingest': ['{}'], 'flow': ['{}/site', 'tests/data/packs/mini']}


def part_bench(words):
    """NAME ARGUMENTS runs one; no words runs all, one after the other."""
    ours = {n.removesuffix('_bench'): p for n, p in programs('gcc', 'tests/bench') if n.endswith('_bench')}
    ours |= {f.name.removesuffix('_bench.py'): f for f in sorted((TOP / 'tests/bench').glob('*_bench.py'))}
    env = {'HEMING': str(heming('gcc')), **postgres_env()}
    if not words or words[0] == 'series':
        client = dict(programs('gcc', 'tests/bench'))['post_lines']
        subprocess.run(['ninja', '-C', str(BUILD / 'gcc'), os.path.relpath(client, BUILD / 'gcc')], check=True, stdout=subprocess.DEVNULL)
        env['POST_LINES'] = str(client)
    for name in [words[0]] if words else sorted(ours):
        if name not in ours:
            board.result(False, f'bench {name}', f'there are {", ".join(sorted(ours)) or "none"}')
            continue
        program = ours[name]
        if program.suffix != '.py':
            subprocess.run(['ninja', '-C', str(BUILD / 'gcc'), os.path.relpath(program, BUILD / 'gcc')], check=True,
                           stdout=subprocess.DEVNULL)
        with tempfile.TemporaryDirectory(prefix=f'heming-{name}-') as folder:
            args = words[1:] or [a.replace('{}', folder) for a in BENCH_ARGS.get(name, [])]
            rc, text, log = run([program, *args], f'bench-{name}', timeout=1800, env=env)
        board.line(f'{name}:\n{text.rstrip()}')
        board.result(rc == 0, f'bench {name}', '' if rc == 0 else f'exit code {rc}')


# ---------------------------------------------------------------- the whole

# In this order in the whole run; bench only when named.
PARTS = {
    'lint': (part_lint, 'clang-format, layers, headers alone, forbidden words, shellcheck, clang-tidy; lint NAME… for some'),
    'tools': (part_tools, 'the tools of this house: layers, embed, the test harness, the counting'),
    'build': (part_build, 'release builds by gcc and clang; size of the binary'),
    'unit': (part_unit, 'unit tests by gcc, under ASan+UBSan, under TSan; unit [FOLDER…] [WORD…] selects'),
    'suite': (part_suite, 'foreign conformance files; suite NAME FILE… runs those files only'),
    'fuzz': (part_fuzz, 'fuzz targets over their corpora and mutations; fuzz NAME SECONDS runs libFuzzer'),
    'scenario': (part_scenario, 'the whole program on SQLite and on PostgreSQL; scenario FILE… runs those only'),
    'scan': (part_scan, 'wapiti, a scanner of web applications, against the running program'),
    'web': (part_web, 'types, lint and unit tests of the pages'),
    'browser': (part_browser, 'the pages in Chromium; browser FILE… runs those only'),
    'bench': (part_bench, 'measurements, only when named; bench NAME [ARGUMENTS]'),
}


def main():
    parser = argparse.ArgumentParser(
        prog='./test', formatter_class=argparse.RawDescriptionHelpFormatter,
        description='Runs every check, or one part. Logs are kept in build/log/.',
        epilog='parts:\n' + '\n'.join(f'  {n:<10}{words}' for n, (_, words) in PARTS.items()) +
               '\n\nThe last line is `N passed, N failed`; the exit code is 1 when something failed.')
    parser.add_argument('part', nargs='?', metavar='PART')
    parser.add_argument('words', nargs=argparse.REMAINDER, metavar='…')
    args = parser.parse_args()
    if args.part and args.part not in PARTS:
        parser.error(f'there is no part {args.part}; there are {", ".join(PARTS)}')

    os.chdir(TOP)
    LOG.mkdir(parents=True, exist_ok=True)
    atexit.register(postgres.stop)
    atexit.register(stop_all)
    for s in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, lambda *_: sys.exit(143))

    whole = board.patient = not args.part
    for name in ([n for n in PARTS if n != 'bench'] if whole else [args.part]):
        began = time.monotonic()
        before = (board.passed, board.failed, board.skipped)
        board.part = name
        PARTS[name][0](args.words)
        passed, failed, skipped = (now - then for now, then in zip((board.passed, board.failed, board.skipped), before))
        if passed + failed + skipped:
            board.line(f'{name}: {passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else '') +
                       f' in {time.monotonic() - began:.0f} s')
    if board.unstable:
        board.line(f'unstable, to be looked into: {", ".join(board.unstable)}')
    board.line(f'{board.passed} passed, {board.failed} failed')
    return 1 if board.failed else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        stop_all()
        board.line('stopped')
        sys.exit(130)
