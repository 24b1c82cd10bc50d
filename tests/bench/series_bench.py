#!/usr/bin/env python3
"""series_bench [WIDE [ROUNDS [DEEP [HOURS [CONNECTIONS]]]]] - Heming beside Debian's victoria-metrics and influxdb.

All get the same generated files as line protocol over HTTP, ten thousand lines a post: a wide set (WIDE series,
ROUNDS readings each) for the speed of taking them; three times as many more of the same series, the second of them
while questions are asked, the others as what that is held against; a set of 10,000 series for the time to the answer of
a post at 200,000 readings a second; a deep one (DEEP series over HOURS hours at 10 s) for bytes and questions.
Readings are a walk with two decimals, with milliseconds of jitter; a third set is the deep one at whole seconds, a
fourth slow sensors: a level in steps, a temperature in tenths, a switch. Heming and influxdb answer when a post is on
the disk, victoria-metrics when it is in memory; the time of a sync stands above. victoria-metrics is asked with
nocache=1, since it keeps the results of a question that comes again. All are sent to by one and the same client
(post_lines.c), which POST_LINES names, and which takes a hundredth of a microsecond a reading of the processors that it
shares with them. Beside readings a second stands the time of the processors that the server took for one, which says
more on a machine that has other work, too. HEMING names the program. What is not installed is left out, with a word.
Sets of more than 100,000 series are only taken, once. The label is `sensor`: things that nobody registered would wait in
quarantine, ten thousand at most.
"""
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
LINES = 10000
STEP = 10  # seconds
WEEK = 7 * 86400
PACE = 200000  # readings a second at which answers are timed
PACE_LINES = 1000  # a post of these
ASKED = 100000  # series; nobody is asked for all values of more at once, which both refuse with their usual bounds


# ---------------------------------------------------------------- data

def walk(rng, x):
    return x if rng.random() < 0.4 else x + rng.choice((-5, -4, -3, -2, -1, 1, 2, 3, 4, 5))


def jittered(rng, x):
    return walk(rng, x), rng.randrange(-200, 201)


def whole(rng, x):
    return walk(rng, x), 0


def slow(rng, x):
    """x: kind in the hundreds of millions; a switch, a level in centimetres, a temperature in tenths."""
    kind, x = divmod(x, 10**8)
    if kind == 0:
        x = x if rng.random() < 0.98 else 100 - x
    elif kind == 1:
        x = x if rng.random() < 0.9 else x + rng.choice((-1, 1))
    else:
        x = x if rng.random() < 0.7 else x + rng.choice((-10, 10))
    return kind * 10**8 + x, 0


def first(name, i):
    if name != 'slow':
        return 2000 + i % 1000
    return (0, 10**8 + 300, 2 * 10**8 + 2000)[i % 3]


class Set:
    """Posts for each connection, which has series of its own, so that each series' readings come in order."""

    def __init__(self, folder, name, make, series, rounds, connections, start):
        self.name, self.series, self.rounds, self.readings = name, series, rounds, series * rounds
        self.start, self.end, self.hours, self.files = start, start + rounds * STEP, rounds * STEP // 3600, []
        rng = random.Random(name)
        for c in range(connections):
            mine = range(c, series, connections)
            prefix = [f'{name},sensor=S{i:07d} value=' for i in mine]
            x = [first(name, i) for i in mine]
            path, lines, cuts = Path(folder, f'{name}-{start}-{c}'), 0, [0]
            with open(path, 'w', buffering=1 << 20) as f:
                for r in range(rounds):
                    at = (start + r * STEP) * 1000
                    for k, p in enumerate(prefix):
                        x[k], off = make(rng, x[k])
                        v = x[k] % 10**8
                        f.write(f'{p}{v // 100}.{v % 100:02d} {at + off}\n')
                        lines += 1
                        if lines % LINES == 0:
                            cuts.append(f.tell())
                cuts.append(f.tell())
            self.files.append((path, cuts))


def posts(path, cuts):
    with open(path, 'rb') as f:
        for a, b in zip(cuts, cuts[1:]):
            if b > a:
                yield f.read(b - a)


def sync_ms(folder):
    took = []
    with open(Path(folder) / 'sync', 'wb') as f:
        for _ in range(100):
            f.write(b'x' * 4096)
            f.flush()
            began = time.perf_counter()
            os.fdatasync(f.fileno())
            took.append((time.perf_counter() - began) * 1e3)
    return sorted(took)[50]


# ---------------------------------------------------------------- engines

def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def folder_bytes(folder):
    size = 0
    for f in Path(folder).rglob('*'):
        with contextlib.suppress(FileNotFoundError):  # merged away meanwhile
            size += f.stat().st_blocks * 512 if f.is_file() else 0  # files that are made ahead have holes
    return size


class Engine:
    headers, query_headers, prefix, write = {}, {}, '', '/write?precision=ms'

    def connect(self):
        return http.client.HTTPConnection('127.0.0.1', self.port, timeout=120)

    def wait(self, path):
        began = time.monotonic()
        while time.monotonic() - began < 30:
            try:
                c = self.connect()
                c.request('GET', path)
                if c.getresponse().status < 500:
                    return
            except OSError:
                time.sleep(0.05)
        sys.exit(f'series_bench: {self.name} did not become ready')

    def cpu(self):
        """Seconds of the processors that the server has had."""
        words = Path(f'/proc/{self.process.pid}/stat').read_text().rpartition(')')[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf('SC_CLK_TCK')

    def post(self, c, body):
        c.request('POST', self.write, body, self.headers)
        answer = c.getresponse()
        text = answer.read()
        if answer.status != 204:
            raise ValueError(f'{self.name} refused a post: {answer.status} {text[:300]}')

    def all_at_once(self, tasks):
        failed = []

        def guarded(task):
            try:
                task()
            except (OSError, ValueError) as e:
                failed.append(e)
        threads = [threading.Thread(target=guarded, args=(t,)) for t in tasks]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        if failed:
            sys.exit(f'series_bench: {failed[0]}')

    def fill(self, data):
        """Readings a second, and the time of the processors for one in us."""
        cpu = self.cpu()
        header = ''.join(f'{k}: {v}' for k, v in self.headers.items())
        client = subprocess.run([os.environ['POST_LINES'], str(self.port), self.write, header, str(LINES)] + [path for path, _ in data.files],
                                stdout=subprocess.PIPE, text=True)
        if client.returncode:
            sys.exit(f'series_bench: {self.name} did not take all posts')
        return data.readings / float(client.stdout.split()[0]), (self.cpu() - cpu) / data.readings * 1e6

    def fill_asked(self, data, questions):
        """As fill, while a client asks the questions in turn, twenty a second."""
        done = threading.Event()
        asked = []

        def ask():
            for i in range(10**9):
                if done.wait(0.05):
                    return
                asked.append(questions[i % len(questions)]()[0])
        asker = threading.Thread(target=ask)
        asker.start()
        rate = self.fill(data)[0]
        done.set()
        asker.join()
        return rate, statistics.median(asked) if asked else 0

    def pace(self, data, seconds):
        """Times from when a post was due to its answer, ms, at PACE readings a second over all connections."""
        took = []
        every = PACE_LINES * len(data.files) / PACE

        def send(number, path, cuts):
            c, with_lines = self.connect(), []
            for body in posts(path, cuts):
                lines = body.splitlines(keepends=True)
                with_lines += [b''.join(lines[i:i + PACE_LINES]) for i in range(0, len(lines), PACE_LINES)]
                if len(with_lines) * every >= seconds:
                    break
            ready.wait()
            began = time.perf_counter() + every * number / len(data.files)
            for i, body in enumerate(with_lines[:int(seconds / every)]):
                due = began + i * every
                if (pause := due - time.perf_counter()) > 0:
                    time.sleep(pause)
                self.post(c, body)
                took.append((time.perf_counter() - due) * 1e3)
        ready = threading.Barrier(len(data.files))
        self.all_at_once([lambda k=k, f=f: send(k, *f) for k, f in enumerate(data.files)])
        return sorted(took)

    def ask(self, path, headers):
        c = self.connect()
        began = time.perf_counter()
        c.request('GET', path, headers=headers)
        answer = c.getresponse()
        text = answer.read()
        took = (time.perf_counter() - began) * 1e3
        if answer.status != 200:
            sys.exit(f'series_bench: {self.name} answered {answer.status}: {text[:300]}')
        return took, json.loads(text)

    def query(self, path, **words):
        took, got = self.ask(f'{self.prefix}/api/v1/{path}?{urllib.parse.urlencode(words)}', self.query_headers)
        return took, got['data']['result']

    # The questions: ms, and how many rows came.

    def latest(self, data):
        took, got = self.query('query', query=data.name, time=data.end)
        return took, len(got)

    def one(self, data, thing):
        took, got = self.query('query', query=f'{data.name}{{sensor="{thing}"}}[{data.hours + 1}h]', time=data.end + 60)
        return took, sum(len(s['values']) for s in got)

    def hourly(self, data):
        took, got = self.query('query_range', query=f'avg_over_time({data.name}[1h])',
                               start=data.start // 3600 * 3600 + 3600, end=data.end, step=3600, nocache=1)
        return took, len(got)

    def settle(self):
        """Waits until the server has written and merged what it writes and merges later."""
        size, again = 0, folder_bytes(self.folder)
        for _ in range(20):
            if size == again:
                return
            time.sleep(3)
            size, again = again, folder_bytes(self.folder)

    def rest(self):
        """Has the server write again what lies apart, as it does itself in time."""

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Heming(Engine):
    name = 'heming'
    prefix = '/prometheus'

    def __init__(self, folder):
        self.folder, self.site = folder, f'{folder}/site'
        subprocess.run([os.environ['HEMING'], 'init', '--site', self.site, '--pack', str(TOP / 'packs/yancheng'), '--demo'],
                       check=True, stdout=subprocess.DEVNULL)
        self.serve()

    def serve(self):
        ready = Path(self.folder, 'ready')
        ready.unlink(missing_ok=True)
        words = [line.split() for line in Path(self.site, 'demo-login').read_text().splitlines() if line.strip()]
        device = next(w for w in words if w[0] == 'device')
        user = next(w for w in words if w[0] == 'admin')
        self.process = subprocess.Popen([os.environ['HEMING'], 'serve', '--site', self.site, '--port', '0', '--mqtt-port', '0',
                                         '--ready-file', str(ready), '--log', f'{self.folder}/log'], stdout=subprocess.DEVNULL)
        began = time.monotonic()
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() - began > 30:
                sys.exit('series_bench: heming did not become ready')
            time.sleep(0.02)
        self.port = int(dict(line.split() for line in ready.read_text().splitlines())['http'])
        self.headers = {'Authorization': f'Token {device[1]}:{device[2]}'}
        c = self.connect()
        c.request('POST', '/api/v1/session', json.dumps({'login': user[0], 'password': user[1]}),
                  {'Content-Type': 'application/json'})
        self.query_headers = {'Authorization': 'Bearer ' + json.loads(c.getresponse().read())['token']}

    def rest(self):
        for _ in range(120):  # a file of a week that is over is packed soon after a start
            time.sleep(1)
            if all(self.packed(f) for f in Path(self.site, 'series').glob('blocks-*.db')):
                return

    @staticmethod
    def packed(path):
        try:
            with contextlib.closing(sqlite3.connect(f'file:{path}?mode=ro', uri=True)) as db:
                return db.execute('SELECT count(*) FROM packed').fetchone()[0] > 0
        except sqlite3.OperationalError:  # the packed one has just taken its place
            return False

    def bytes(self, data):
        """Of the block files, by the readings that they hold: the rest is in the log for an hour at most."""
        size = readings = 0
        for f in Path(self.site, 'series').glob('blocks-*.db'):
            size += f.stat().st_blocks * 512
            with contextlib.closing(sqlite3.connect(f)) as db:
                readings += sum(readings_of(row[0]) for row in db.execute('SELECT data FROM block'))
        return size / max(readings, 1)


def readings_of(block):
    """As docs/internals/series.md has it: behind the windows stands how many there are."""
    at = 5

    def number():
        nonlocal at
        x = shift = 0
        while True:
            x |= (block[at] & 127) << shift
            shift += 7
            at += 1
            if block[at - 1] < 128:
                return x

    several = number() & 4
    exponent, columns = block[at] & 7, block[at] >> 3
    at += 1
    n = number()
    if several:
        number()
        at += number()
    elif exponent != 7:
        for _ in range(columns.bit_count() + 1):
            number()
    else:
        for _ in range(columns & 1):
            number()
        at += 40 if n else 0
    return number() + 1


class Victoria(Engine):
    name = 'victoria-metrics'

    def __init__(self, folder):
        self.folder, self.port = f'{folder}/victoria', free_port()
        self.serve()

    def serve(self):
        self.process = subprocess.Popen(
            [shutil.which('victoria-metrics'), '-storageDataPath', self.folder, '-httpListenAddr', f'127.0.0.1:{self.port}',
             '-retentionPeriod', '12', '-influxSkipSingleField', '-search.latencyOffset', '0s'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait('/health')

    def rest(self):
        self.connect().request('GET', '/internal/force_merge')
        time.sleep(3)
        self.settle()

    def bytes(self, data):
        return folder_bytes(self.folder) / data.readings


class Influx(Engine):
    name = 'influxdb'
    write = '/write?db=bench&precision=ms'

    def __init__(self, folder):
        self.folder, self.port = f'{folder}/influx', free_port()
        config = Path(folder, 'influx.conf')
        config.write_text(f'''reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
  dir = "{self.folder}/meta"
[data]
  dir = "{self.folder}/data"
  wal-dir = "{self.folder}/wal"
  index-version = "tsi1"
  max-series-per-database = 0
  max-values-per-tag = 0
  query-log-enabled = false
  # Written and packed soon after the last post instead of hours later, so that its bytes can be counted.
  cache-snapshot-write-cold-duration = "1s"
  compact-full-write-cold-duration = "2s"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{self.port}"
  log-enabled = false
  max-body-size = 0
  max-row-limit = 0
''')
        self.config = str(config)
        self.serve()
        c = self.connect()
        c.request('POST', '/query?' + urllib.parse.urlencode({'q': 'CREATE DATABASE bench'}))
        if c.getresponse().status != 200:
            sys.exit('series_bench: influxdb makes no database')

    def serve(self):
        self.process = subprocess.Popen([shutil.which('influxd'), '-config', self.config], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.wait('/ping')

    def select(self, text):
        took, got = self.ask('/query?' + urllib.parse.urlencode({'db': 'bench', 'epoch': 'ms', 'q': text}), {})
        return took, got['results'][0].get('series', [])

    def latest(self, data):
        took, got = self.select(f'SELECT last(value) FROM {data.name} GROUP BY sensor')
        return took, len(got)

    def one(self, data, thing):
        took, got = self.select(f"SELECT value FROM {data.name} WHERE sensor = '{thing}'")
        return took, sum(len(s['values']) for s in got)

    def hourly(self, data):
        took, got = self.select(f'SELECT mean(value) FROM {data.name} WHERE time >= {data.start}s AND time < {data.end}s '
                                'GROUP BY time(1h), sensor')
        return took, len(got)

    def bytes(self, data):
        return folder_bytes(self.folder) / data.readings


# ---------------------------------------------------------------- the run

def measure(make, folder, sets, seconds):
    out = {}
    best = lambda f: min(f()[0] for _ in range(3))
    wide, before, asked, after, paced, deep, *others = sets
    os.sync()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        e = make(place)
        name = f'{wide.series} series'
        out[f'readings/s, {name}'], out[f'CPU of the server for one, us, {name}'] = e.fill(wide)
        time.sleep(2)  # victoria-metrics shows readings after a second
        if wide.series <= ASKED:
            out[f'latest of {name}, ms'] = best(lambda: e.latest(wide))
            alone = e.fill(before)[0]
            rate, took = e.fill_asked(asked, [lambda: e.latest(wide), lambda: e.one(wide, 'S0000007'), lambda: e.hourly(wide)])
            out[f'readings/s, {name}, more of them'] = (alone + e.fill(after)[0]) / 2
            out[f'readings/s, {name}, while asked 20 times a second'] = rate
            out['the questions meanwhile, median, ms'] = took
        e.stop()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        os.sync()  # of what was there before
        e = make(place)
        took = e.pace(paced, seconds)
        for q, word in ((0.5, 'median'), (0.99, 'p99')):
            out[f'to the answer of a post at {PACE} readings/s, {word}, ms'] = took[int(len(took) * q)]
        e.stop()
    for data in [deep] + others:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            e = make(place)
            name = f'{data.series} series, {data.name}'
            out[f'readings/s, {name}'], out[f'CPU of the server for one, us, {name}'] = e.fill(data)
            if data is deep:
                for _ in range(30):  # victoria-metrics shows readings after some seconds
                    time.sleep(1)
                    took, got = e.one(data, 'S0000007')
                    if got == data.rounds:
                        break
                if got != data.rounds:
                    sys.exit(f'series_bench: {e.name} has {got} readings of one series, not {data.rounds}')
                out[f'one series, {data.hours} h, ms'] = best(lambda: e.one(data, 'S0000007'))
                took, got = e.hourly(data)
                if got != data.series:
                    sys.exit(f'series_bench: {e.name} averages {got} series, not {data.series}')
                out[f'hourly averages of {data.series} series, {data.hours} h, ms'] = best(lambda: e.hourly(data))
            e.settle()
            e.stop()
            out[f'bytes a reading on disk, {data.name}'] = e.bytes(data)
            e.serve()
            e.rest()
            e.stop()
            out[f'bytes a reading on disk, {data.name}, packed or merged'] = e.bytes(data)
    return out


def engines():
    yield Heming
    for make, program in ((Victoria, 'victoria-metrics'), (Influx, 'influxd')):
        if shutil.which(program):
            yield make
        else:
            print(f'{make.name} is not installed, and is left out')


def main():
    words = [int(w) for w in sys.argv[1:]]
    wide, rounds, deep, hours, connections = (words + [10000, 100, 200, 24, 2][len(words):])
    for name in ('HEMING', 'POST_LINES'):
        if not os.environ.get(name):
            sys.exit(f'series_bench: {name} names a program')
    seconds = 10
    with tempfile.TemporaryDirectory(prefix='heming-series-') as folder:
        print(f'sync of 4 KiB: {sync_ms(folder):.2f} ms; {connections} connections; posts of {LINES} lines')
        # In a week that is over, so that its files may be packed.
        start = (int(time.time()) // WEEK - 2) * WEEK + WEEK // 14
        make = lambda name, f, n, r, at=start: Set(folder, name, f, n, r, connections, at)
        deep_rounds = hours * 3600 // STEP
        more = rounds if wide <= ASKED else 0
        sets = [make('wide', jittered, wide, rounds),
                *(make('wide', jittered, wide, more, start + (rounds + i * more) * STEP) for i in range(3)),
                make('paced', jittered, 10000, PACE * seconds // 10000), make('deep', jittered, deep, deep_rounds),
                make('even', whole, deep, deep_rounds), make('slow', slow, deep, deep_rounds)]
        makers = list(engines())
        results = [measure(e, folder, sets, seconds) for e in makers]
        print(f'{"":<62}' + ''.join(f'{e.name:>18}' for e in makers) + ''.join(f'   / {e.name}' for e in makers[1:]))
        for name in results[0]:
            row = [r[name] for r in results]
            print(f'{name:<62}' + ''.join(f'{x:>18,.2f}' for x in row) +
                  ''.join(f'{row[0] / x if x else 0:>{len(e.name) + 5}.2f}' for x, e in zip(row[1:], makers[1:])))


if __name__ == '__main__':
    main()
