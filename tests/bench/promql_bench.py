#!/usr/bin/env python3
"""promql_bench [SENSORS [ROUNDS]] - queries as a cockpit asks them, beside Debian's victoria-metrics, both over HTTP.

The same two days of readings, one a minute, are posted by line protocol to both: SENSORS levels and as many gas
readings, half as many counters, and histograms of 40 pumps. Then both are asked twelve queries, in turn, ROUNDS times
each, on kept connections; every answer is read to its end and has to have as many series at both sides. A round asks
one step later than the round before, as a page that refreshes does.

Beside the times from the question to the whole answer stands the time that the processors spent on it in each server,
which says more on a machine that has other work, too.

victoria-metrics keeps results of range queries for the next that is like it; it is asked a second time with nocache=1,
which is how it computes. HEMING names the program. Ends with 77 if there is no victoria-metrics.
"""
import http.client
import json
import math
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
DAYS = 2
EVERY = 60
BATCH = 20000
HOUR = 3600

# What is asked, seconds back (None: at one instant), step.
QUERIES = (
    ('latest value of every sensor', 'water_level', None, 0),
    ('ten highest', 'topk(10, water_level)', None, 0),
    ('sensors above their limit, by region', 'count by (region) (gas_ppm > 50)', None, 0),
    ('mean of an hour, by region', 'avg by (region) (avg_over_time(water_level[1h]))', None, 0),
    ('highest of a day, by kind', 'max by (kind) (max_over_time(gas_ppm[24h]))', None, 0),
    ('one sensor, six hours', 'water_level{thing="s-0017"}', 6 * HOUR, 60),
    ('a region\'s sensors, six hours', 'water_level{region="r3"}', 6 * HOUR, 120),
    ('mean by region, a day', 'avg by (region) (water_level)', 24 * HOUR, 300),
    ('flow by region, a day', 'sum by (region) (rate(pump_total[5m]))', 24 * HOUR, 300),
    ('highest of each hour in a region, a day', 'max_over_time(gas_ppm{region="r3"}[1h])', 24 * HOUR, 600),
    ('95th percentile, a day', 'histogram_quantile(0.95, sum by (le) (rate(wait_bucket[15m])))', 24 * HOUR, 900),
    ('total of each hour, two days', 'sum(increase(pump_total[1h]))', 47 * HOUR, 1800),
)


def series(sensors, rnd):
    """(line up to the value, points) of every series."""
    points = DAYS * 24 * HOUR // EVERY

    def walk(low, high, digits):
        v = rnd.uniform(low, high)
        for i in range(points):
            v = min(high, max(low, v + rnd.gauss(0, (high - low) / 200)))
            yield round(v, digits)

    def count(most):
        v = 0
        for i in range(points):
            v = 0 if rnd.random() < 0.0005 else v + rnd.randrange(most)
            yield v

    for n in range(sensors):
        labels = f'thing=s-{n:04d},region=r{n % 16},kind=k{n % 5}'
        yield f'water_level,{labels}', list(walk(0, 4, 2))
        yield f'gas_ppm,{labels}', list(walk(0, 60, 1))
        if n % 2 == 0:
            yield f'pump_total,{labels}', list(count(9))
    for n in range(40):
        sums = [0] * 8
        columns = [[] for _ in sums]
        for _ in range(points):
            for b in range(8):
                sums[b] += rnd.randrange(3) + (sums[b - 1] - columns[b - 1][-2] if b and len(columns[b - 1]) > 1 else 0)
                columns[b].append(sums[b])
        for le, column in zip(('0.1', '0.2', '0.5', '1', '2', '5', '10', '+Inf'), columns):
            yield f'wait_bucket,thing=p-{n:02d},le={le}', column


class Side:
    def __init__(self, name, process, port, base, headers, form):
        self.name, self.base, self.headers, self.form = name, base, headers, form
        self.clock = (~process.pid << 3) | 2  # of the processor time of all its threads, clock_getcpuclockid(3)
        self.c = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
        self.c.connect()
        self.c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, path, form):
        body = urllib.parse.urlencode({**form, **self.form})
        spent, began = time.clock_gettime(self.clock), time.perf_counter()
        self.c.request('POST', self.base + path, body, {'Content-Type': 'application/x-www-form-urlencoded', **self.headers})
        answer = self.c.getresponse()
        text = answer.read()
        took = (time.perf_counter() - began) * 1e3
        if answer.status != 200:
            sys.exit(f'promql_bench: {self.name}: {answer.status} {text[:300]}')
        return took, (time.clock_gettime(self.clock) - spent) * 1e3, text


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def wait_until(what, ready, process):
    began = time.monotonic()
    while not ready():
        if process.poll() is not None or time.monotonic() - began > 30:
            sys.exit(f'promql_bench: {what} did not become ready')
        time.sleep(0.02)


def post(port, path, body, headers):
    c = http.client.HTTPConnection('127.0.0.1', port, timeout=60)
    c.request('POST', path, body, headers)
    answer = c.getresponse()
    said = answer.read()
    if answer.status not in (200, 204):
        sys.exit(f'promql_bench: {path}: {answer.status} {said[:300]}')
    return said


def start_victoria(folder):
    port = free_port()
    p = subprocess.Popen(['victoria-metrics', f'-storageDataPath={folder}/vm', f'-httpListenAddr=127.0.0.1:{port}', '-retentionPeriod=100y',
                          '-influxSkipSingleField', '-search.latencyOffset=0s'], stdout=subprocess.DEVNULL, stderr=open(f'{folder}/vm.log', 'w'))

    def ready():
        try:
            c = http.client.HTTPConnection('127.0.0.1', port)
            c.request('GET', '/health')
            return c.getresponse().status == 200
        except OSError:
            return False

    wait_until('victoria-metrics', ready, p)
    return p, port


def start_heming(folder, heming):
    site, ready = f'{folder}/site', f'{folder}/ready'
    subprocess.run([heming, 'init', '--site', site, '--pack', str(TOP / 'tests/data/packs/mini'), '--demo'], check=True, stdout=subprocess.DEVNULL)
    words = [line.split() for line in Path(site, 'demo-login').read_text().splitlines() if line.strip()]
    p = subprocess.Popen([heming, 'serve', '--site', site, '--port', '0', '--mqtt-address', 'off', '--rate', '0', '--ready-file', ready, '--log', f'{folder}/log'],
                         stdout=subprocess.DEVNULL)
    wait_until('heming', lambda: os.path.exists(ready), p)
    port = int(dict(line.split() for line in Path(ready).read_text().splitlines())['http'])
    device = next(w for w in words if w[0] == 'device')
    login = next(w for w in words if w[0] != 'device')
    token = json.loads(post(port, '/api/v1/session', json.dumps({'login': login[0], 'password': login[1]}), {'Content-Type': 'application/json'}))['token']
    return p, port, {'Authorization': f'Token {device[1]}:{device[2]}'}, {'Authorization': f'Bearer {token}'}


def load(sensors, end, doors):
    """Posts everything to both; seconds that each took, and the number of points."""
    took, points, batch = [0.0] * len(doors), 0, []

    def send():
        body = '\n'.join(batch)
        for i, (port, headers) in enumerate(doors):
            began = time.perf_counter()
            post(port, '/write?precision=s', body, headers)
            took[i] += time.perf_counter() - began
        batch.clear()

    for head, values in series(sensors, random.Random(7)):
        t = end - EVERY * len(values)
        for v in values:
            t += EVERY
            batch.append(f'{head} value={v} {t}')
        points += len(values)
        if len(batch) >= BATCH:
            send()
    send()
    return took, points


def results(text):
    data = json.loads(text)['data']['result']
    return len(data), sum(len(x.get('values', (1,))) for x in data)


def measure(sides, end, rounds):
    print(f'{"":40} {"series":>6} {"values":>6}' + ''.join(f' {s.name:>9} {"CPU":>6}' for s in sides) + '   ms; times faster')
    faster = [[] for _ in sides[1:]]
    for name, query, back, step in QUERIES:
        times, cpu = [[] for _ in sides], [[] for _ in sides]
        for r in range(rounds + 1):
            at = end - (rounds - r) * (step or EVERY)
            form = {'query': query, 'time': at} if back is None else {'query': query, 'start': (at - back) // step * step, 'end': at // step * step, 'step': step}
            sizes = []
            for i in range(len(sides)):
                i = (i + r) % len(sides)
                took, spent, text = sides[i].ask('query' if back is None else 'query_range', form)
                if r > 0:
                    times[i].append(took)
                    cpu[i].append(spent)
                sizes.append(results(text))
            if len({n for n, _ in sizes}) != 1:
                sys.exit(f'promql_bench: {query}: the sides have {sizes} series and values')
        ms, busy = [statistics.median(t) for t in times], [statistics.median(t) for t in cpu]
        ratio = [m / ms[0] for m in ms[1:]]
        for f, x in zip(faster, ratio):
            f.append(x)
        print(f'{name:40} {sizes[0][0]:6} {sizes[0][1]:6}' + ''.join(f' {m:9.2f} {b:6.2f}' for m, b in zip(ms, busy)) + '   ' + ', '.join(f'{x:.1f}' for x in ratio), flush=True)
    for s, f in zip(sides[1:], faster):
        print(f'median, against {s.name}: {statistics.median(f):.1f} times faster (least {min(f):.1f}, most {max(f):.1f}, geometric mean {math.exp(statistics.mean(map(math.log, f))):.1f})')


def main():
    sensors = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 9
    heming = os.environ.get('HEMING')
    if not heming:
        sys.exit('promql_bench [SENSORS [ROUNDS]], and HEMING names the program')
    if not shutil.which('victoria-metrics'):
        print('promql_bench: victoria-metrics is not installed')
        sys.exit(77)
    running = []
    with tempfile.TemporaryDirectory(prefix='heming-promql-') as folder:
        try:
            p, vm = start_victoria(folder)
            running.append(p)
            p, ours, device, reader = start_heming(folder, heming)
            running.append(p)
            end = int(time.time()) // HOUR * HOUR - HOUR
            took, points = load(sensors, end, ((ours, device), (vm, {})))
            http.client.HTTPConnection('127.0.0.1', vm).request('GET', '/internal/force_flush')
            time.sleep(2)
            print(f'{points:,} points loaded by line protocol: heming {took[0]:.1f} s (durable), victoria-metrics {took[1]:.1f} s (in memory)')
            version = subprocess.run(['victoria-metrics', '-version'], capture_output=True, text=True).stdout.strip()
            print(version)
            sides = [Side('heming', running[1], ours, '/prometheus/api/v1/', reader, {}), Side('victoria', running[0], vm, '/api/v1/', {}, {}),
                     Side('no cache', running[0], vm, '/api/v1/', {}, {'nocache': '1'})]
            measure(sides, end, rounds)
        finally:
            for p in running:
                p.terminate()
            for p in running:
                p.wait(20)


if __name__ == '__main__':
    main()
