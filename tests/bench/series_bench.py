#!/usr/bin/env python3
"""series_bench [WIDE [ROUNDS [DEEP [HOURS [CONNECTIONS]]]]] - Heming beside Debian's victoria-metrics.

Both get the same generated files as line protocol over HTTP, ten thousand lines a post: a wide set (WIDE series,
ROUNDS readings each) for the speed of taking them, a deep one (DEEP series over HOURS hours at 10 s) for bytes and
questions. Readings are a walk with two decimals, with milliseconds of jitter; a third set is the deep one at whole
seconds, a fourth slow sensors: a level in steps, a temperature in tenths, a switch. Heming answers when a post is
on the disk; the time of a sync stands above. HEMING names the program. What is not installed is left out.
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
        self.start, self.files = start, []
        rng = random.Random(name)
        for c in range(connections):
            mine = range(c, series, connections)
            prefix = [f'{name},thing=S{i:07d} value=' for i in mine]
            x = [first(name, i) for i in mine]
            path = Path(folder, f'{name}-{c}')
            with open(path, 'w', buffering=1 << 20) as f:
                for r in range(rounds):
                    at = (start + r * STEP) * 1000
                    for k, p in enumerate(prefix):
                        x[k], off = make(rng, x[k])
                        v = x[k] % 10**8
                        f.write(f'{p}{v // 100}.{v % 100:02d} {at + off}\n')
            self.files.append(path)


def posts(path):
    with open(path, 'rb') as f:
        while lines := f.readlines(LINES * 48):
            yield b''.join(lines)


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


class Engine:
    headers, query_headers, prefix = {}, {}, ''

    def wait(self, path):
        began = time.monotonic()
        while time.monotonic() - began < 30:
            try:
                c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=5)
                c.request('GET', path)
                if c.getresponse().status < 500:
                    return
            except OSError:
                time.sleep(0.05)
        sys.exit(f'series_bench: {self.name} did not become ready')

    def send(self, path, failed):
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=120)
        for body in posts(path):
            c.request('POST', '/write?precision=ms', body, self.headers)
            answer = c.getresponse()
            text = answer.read()
            if answer.status != 204:
                failed.append(f'{answer.status} {text[:300]}')
                return

    def fill(self, data):
        failed = []
        threads = [threading.Thread(target=self.send, args=(f, failed)) for f in data.files]
        began = time.perf_counter()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        if failed:
            sys.exit(f'series_bench: {self.name} refused a post: {failed[0]}')
        return data.readings / (time.perf_counter() - began)

    def ask(self, path, **words):
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=120)
        began = time.perf_counter()
        c.request('GET', f'{self.prefix}/api/v1/{path}?{urllib.parse.urlencode(words)}', headers=self.query_headers)
        answer = c.getresponse()
        text = answer.read()
        took = (time.perf_counter() - began) * 1e3
        if answer.status != 200:
            sys.exit(f'series_bench: {self.name} answered {answer.status}: {text[:300]}')
        return took, json.loads(text)['data']['result']

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


class Heming(Engine):
    name = 'heming'
    prefix = '/prometheus'

    def __init__(self, folder):
        heming, self.site, ready = os.environ['HEMING'], f'{folder}/site', f'{folder}/ready'
        subprocess.run([heming, 'init', '--site', self.site, '--pack', str(TOP / 'packs/yancheng'), '--demo'], check=True,
                       stdout=subprocess.DEVNULL)
        words = [line.split() for line in Path(self.site, 'demo-login').read_text().splitlines() if line.strip()]
        device = next(w for w in words if w[0] == 'device')
        user = next(w for w in words if w[0] == 'admin')
        self.process = subprocess.Popen([heming, 'serve', '--site', self.site, '--port', '0', '--mqtt-port', '0', '--ready-file',
                                         ready, '--log', f'{folder}/log'], stdout=subprocess.DEVNULL)
        began = time.monotonic()
        while not os.path.exists(ready):
            if self.process.poll() is not None or time.monotonic() - began > 30:
                sys.exit('series_bench: heming did not become ready')
            time.sleep(0.02)
        self.port = int(dict(line.split() for line in Path(ready).read_text().splitlines())['http'])
        self.headers = {'Authorization': f'Token {device[1]}:{device[2]}'}
        c = http.client.HTTPConnection('127.0.0.1', self.port)
        c.request('POST', '/api/v1/session', json.dumps({'login': user[0], 'password': user[1]}),
                  {'Content-Type': 'application/json'})
        self.query_headers = {'Authorization': 'Bearer ' + json.loads(c.getresponse().read())['token']}

    def bytes(self, data):
        """Of the block files, by what they hold (nearly all blocks are full): the rest is in the log for an hour at most."""
        size = blocks = 0
        for f in Path(self.site, 'series').glob('blocks-*.db'):
            size += f.stat().st_size
            with contextlib.closing(sqlite3.connect(f)) as db:
                blocks += db.execute('SELECT count(*) FROM block').fetchone()[0]
        return size / (256 * max(blocks, 1))


class Victoria(Engine):
    name = 'victoria-metrics'

    def __init__(self, folder):
        self.folder, self.port = f'{folder}/victoria', free_port()
        self.process = subprocess.Popen(
            [shutil.which('victoria-metrics'), '-storageDataPath', self.folder, '-httpListenAddr', f'127.0.0.1:{self.port}',
             '-retentionPeriod', '12', '-influxSkipSingleField', '-search.latencyOffset', '0s'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait('/health')

    def bytes(self, data):
        return sum(f.stat().st_size for f in Path(self.folder).rglob('*') if f.is_file()) / data.readings


# ---------------------------------------------------------------- the run

def measure(make, folder, wide, deep, others):
    out = {}
    with tempfile.TemporaryDirectory(dir=folder) as place:
        e = make(place)
        out[f'readings/s, {wide.series} series'] = e.fill(wide)
        time.sleep(2)
        now = wide.start + wide.rounds * STEP
        best = lambda f: min(f() for _ in range(3))
        out[f'latest of {wide.series} series, ms'] = best(lambda: e.ask('query', query=wide.name, time=now)[0])
        e.stop()
    for data in [deep] + others:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            e = make(place)
            out[f'readings/s, {data.series} series, {data.name}'] = e.fill(data)
            if data is deep:
                time.sleep(2)  # victoria-metrics shows readings after a second
                end = data.start + data.rounds * STEP
                hours = data.rounds * STEP // 3600
                one = f'{data.name}{{thing="S0000007"}}'
                took, got = e.ask('query', query=f'{one}[{hours + 1}h]', time=end + 60)
                if len(got) != 1 or len(got[0]['values']) != data.rounds:
                    sys.exit(f'series_bench: {e.name} has {len(got[0]["values"]) if got else 0} readings of one series, not {data.rounds}')
                out[f'one series, {hours} h, ms'] = best(lambda: e.ask('query', query=f'{one}[{hours + 1}h]', time=end + 60)[0])
                out[f'hourly averages of {data.series} series, {hours} h, ms'] = best(
                    lambda: e.ask('query_range', query=f'avg_over_time({data.name}[1h])', start=data.start // 3600 * 3600 + 3600,
                                  end=end, step=3600)[0])
            time.sleep(3)
            e.stop()
            out[f'bytes a reading on disk, {data.name}'] = e.bytes(data)
    return out


def main():
    words = [int(w) for w in sys.argv[1:]]
    wide, rounds, deep, hours, connections = (words + [10000, 100, 250, 24, 2][len(words):])
    if not os.environ.get('HEMING'):
        sys.exit('series_bench: HEMING names the program')
    engines = [Heming] + ([Victoria] if shutil.which('victoria-metrics') else [])
    with tempfile.TemporaryDirectory(prefix='heming-series-') as folder:
        print(f'sync of 4 KiB: {sync_ms(folder):.2f} ms; {connections} connections; posts of {LINES} lines or so')
        start = int(time.time()) - hours * 3600 - 7200
        make = lambda name, f, n, r: Set(folder, name, f, n, r, connections, start)
        sets = [make('wide', jittered, wide, rounds), make('deep', jittered, deep, hours * 3600 // STEP),
                make('even', whole, deep, hours * 3600 // STEP), make('slow', slow, deep, hours * 3600 // STEP)]
        results = [measure(e, folder, sets[0], sets[1], sets[2:]) for e in engines]
        print(f'{"":<58}' + ''.join(f'{e.name:>18}' for e in engines) + ('   heming / other' if len(engines) > 1 else ''))
        for name in results[0]:
            row = [r[name] for r in results]
            print(f'{name:<58}' + ''.join(f'{x:>18,.2f}' for x in row) + (f'{row[0] / row[1]:>17.2f}' if len(row) > 1 else ''))


if __name__ == '__main__':
    main()
