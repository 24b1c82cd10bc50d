#!/usr/bin/env python3
"""prometheus_diff [SEED [QUERIES]] - our PromQL against Debian's prometheus, on the same data, through both HTTP APIs.

Random queries come from a grammar, instant and range. No difference is allowed: the kind of the result, labels, times,
and values within 1e-9 (NaN equals NaN). Debian 12 has Prometheus 2.42, we follow 3; the grammar keeps to what both mean
alike, and these known differences are stepped around:

  windows          3 leaves out the sample at the left end. Samples lie at odd milliseconds, queries at odd seconds and
                   ranges are multiples of ten seconds, so that nothing stands exactly at an end.
  regular          the dot of 3 takes a newline, too: no label here has one.
  names            3 (with our flags) cuts names late: no aggregation by __name__, no two metrics in one selector; where two
                   series become one in 2.42 only, they are counted apart.
  extrapolation    where the window begins well before a counter's first sample and the counter begins near zero, 3 does
                   not go as far: counters here begin far from zero, and fall to it only where they have no gaps.
  pinned windows   2.42 moves the window of predict_linear() and the selector of timestamp() though @ pins them.
  stddev, stdvar   3 has NaN for one that is not finite; only finite ones of moderate size are asked for.
  holt_winters     is called double_exponential_smoothing in 3.
  many to one      3 finds series that match twice before a comparison filters them, 2.42 after; such are counted apart.
  atan2            2.42 keeps the metric's name; abs() around it takes it away.
  sums             3 adds more exactly: values are multiples of 1/1024, so that both are exact; functions that jump
                   (comparison, floor, %, topk …) are put over such values only.

HEMING names the program. Ends with 77 if there is no prometheus.
"""
import http.client
import json
import math
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BEGIN = 1783987200  # 2026-07-14T00:00:00Z, whole hours
SPAN = 2400
SHOWN = 10
KNOWN = 'known'


# ---------------------------------------------------------------- data

def make_data(rnd):
    """[(name, labels, [(ms, value)])]; every series has values that no other has."""
    series = []

    def add(name, labels, points):
        series.append((name, labels, points))

    n = 0
    for job in ('api', 'db', 'web'):
        for inst in ('0', '1', '2'):
            n += 1
            t = [BEGIN * 1000 + i * 15000 + 137 + 16 * n for i in range(SPAN // 15)]
            own = n / 1024
            v, count = rnd.randrange(-20, 60), 1000000
            gauge, gaps, total, high = [], [], [], []
            for k, ms in enumerate(t):
                v += rnd.randrange(-8, 9) / 8
                gauge.append((ms, v + own))
                if rnd.random() < 0.5 and not 50 < k < 90 + 3 * n:
                    gaps.append((ms, v * 2 + own))
                count = 0 if k > 8 and rnd.random() < 0.02 else count + rnd.randrange(0, 9)
                total.append((ms, count))
                if rnd.random() < 0.6 and not 60 < k < 70 + 4 * n:
                    high.append((ms, 100000 + 3 * k + own))
            labels = {'job': job, 'inst': inst}
            add('lvl', labels, gauge)
            if inst != '2' or job != 'db':
                add('gap', labels, gaps)
            add('req_total', {**labels, 'code': '200'}, total)
            add('req_total', {**labels, 'code': '500'}, [(ms, c // 4) for ms, c in total])
            add('far_total', labels, high)
        add('lim', {'job': job, 'zone': 'east' if job == 'db' else 'west'}, [(BEGIN * 1000 + i * 60000 + 251, 20 + n + i / 8) for i in range(SPAN // 60)])
        sums = [1000] * 5
        points = [[] for _ in sums]
        for i in range(SPAN // 15):
            for b in range(5):
                if rnd.random() < 0.4:
                    for k in range(b, 5):
                        sums[k] += 1
            for b in range(5):
                points[b].append((BEGIN * 1000 + i * 15000 + 411, sums[b]))
        for b, le in enumerate(('0.1', '0.5', '1', '2.5', '+Inf')):
            add('lat_bucket', {'job': job, 'le': le}, points[b])
    add('flat', {}, [(BEGIN * 1000 + i * 15000 + 777, 7) for i in range(SPAN // 15)])
    return series


# ---------------------------------------------------------------- grammar

JOINED = ('"job", "inst"', '"inst"', '"nope", "job"')
BUCKETS = ('lat_bucket{job="api"}', 'lat_bucket{le!="+Inf"}', 'lvl')
NONE = 'none{job="x", inst=~"1"}'


class Grammar:
    def __init__(self, rnd):
        self.r = rnd
        self.subquery = False

    def one(self, *choices):
        return self.r.choice(choices)

    def when(self):
        out = ''
        if self.r.random() < 0.15:
            out += ' offset ' + self.one('10s', '1m', '2m30s', '-1m', '7m')
        if self.r.random() < 0.08:
            out += self.one(f' @ {BEGIN + 1203}', ' @ start()', ' @ end()', f' @ {BEGIN + 611}.0')
        return out

    def matchers(self):
        m = []
        if self.r.random() < 0.4:
            m.append(self.one('job="api"', 'job!="api"', 'job=~"api|db"', 'job=~"w.*"', 'job!~".*b"', 'job=~".+"', 'job=""', 'nope=""', 'job!~"a.i|web"'))
        if self.r.random() < 0.25:
            m.append(self.one('inst="1"', 'inst=~"[01]"', 'inst!~"0|2"', 'inst!="2"', 'inst=~"(?:0|1)"', 'inst=~"\\\\d"'))
        return '{' + ','.join(m) + '}' if m else ''

    GAUGES = ('lvl', 'lvl', 'gap', 'lim', 'flat', 'none')
    COUNTERS = ('req_total', 'far_total')

    def selector(self):
        return self.one(*self.GAUGES, *self.COUNTERS) + self.matchers()

    def span(self):
        return self.one('30s', '50s', '1m', '2m', '5m', '10m', '1m40s', '20m')

    def window(self, names):
        """A range vector whose values are exact."""
        if not self.subquery and self.r.random() < 0.18:
            self.subquery = True
            inner = self.one(lambda: self.one(*names) + self.matchers(), lambda: self.exact(1))()
            self.subquery = False
            return f"({inner})[{self.one('2m', '5m', '10m', '17m')}:{self.one('', '30s', '20s', '1m', '90s')}]" + self.when()
        return f'{self.one(*names)}{self.matchers()}[{self.span()}]' + self.when()

    def plain_window(self, names):
        return f'{self.one(*names)}{self.matchers()}[{self.span()}]' + self.when()

    def scalar(self):
        return self.one('2', '0.5', '10', '-3', '1e3', '0', '7', 'Inf', 'NaN', '0x10', '1.5', 'scalar(flat)', 'scalar(lvl)', '4')

    def labels(self):
        return self.one('job', 'inst', 'job, inst', '', 'code', 'zone, job')

    def exact(self, depth):
        """An instant vector of exact values: functions that jump may be put over it."""
        r = self.r.random()
        if depth <= 0 or r < 0.25:
            return self.selector() + self.when()
        e = self.exact
        return self.one(
            lambda: f"{self.one('sum', 'min', 'max', 'count', 'group', 'sum')}{self.grouping()}({e(depth - 1)})",
            lambda: f"{self.one('max', 'min', 'last', 'count', 'sum', 'present')}_over_time({self.window(self.GAUGES + self.COUNTERS)})",
            lambda: f"{self.one('changes', 'resets', 'idelta')}({self.plain_window(self.GAUGES + self.COUNTERS)})",
            lambda: f"{self.one('abs', 'ceil', 'floor', 'sgn', '-', '+', 'round')}({e(depth - 1)})",
            lambda: f"{self.one('clamp_min', 'clamp_max')}({e(depth - 1)}, {self.scalar()})",
            lambda: f"clamp({e(depth - 1)}, {self.one('-5, 30', '30, -5', '0, 100', '0, NaN')})",
            lambda: f"{self.one('topk', 'bottomk')}{self.grouping()}({self.one('1', '2', '3', '0', '-1', '50')}, {self.one('lvl', 'gap', 'far_total')}{self.matchers()})",
            lambda: f"({e(depth - 1)}) {self.one('+', '-')} {self.one('2', '0.5', '-3', '1024')}",
            lambda: f"({e(depth - 1)}) {self.one('==', '!=', '>', '<', '>=', '<=')}{self.one('', ' bool')} {self.one('0', '10', '2', '-3.5', 'scalar(flat)', 'NaN')}",
            lambda: f"{self.one('7', '0', '20')} {self.one('==', '!=', '>', '<', '>=', '<=')}{self.one('', ' bool')} ({e(depth - 1)})",
            lambda: f"({e(depth - 1)}) {self.one('and', 'or', 'unless')}{self.one('', '', ' on(job)', ' ignoring(code)', ' on()', ' ignoring(inst, code)')} ({e(depth - 1)})",
            lambda: self.binary(lambda: e(depth - 1), ('+', '-', '==', '!=', '>', '<', '>=', '<=', '> bool', '== bool', '<= bool')),
            lambda: f"label_replace({e(depth - 1)}, \"{self.one('new', 'job', 'inst')}\", \"{self.one('$1', 'x-$1', '${1}y', '', 'k')}\", \"{self.one('job', 'inst', 'nope')}\", \"{self.one('(.*)', '(a)(.*)', '([0-9]+)', '', '.+(b)')}\")",
            lambda: f"label_join({e(depth - 1)}, \"{self.one('new', 'job')}\", \"{self.one('-', '', ', ')}\", {self.one(*JOINED)})",
            lambda: f"absent({self.one(self.selector(), NONE, e(depth - 1))})",
            lambda: f"absent_over_time({self.plain_window(self.GAUGES)})",
            lambda: f"count_values{self.grouping()}(\"{self.one('v', 'job')}\", {self.one('flat', 'changes(lvl[2m])', 'count_over_time(gap[2m])', 'lvl', 'resets(req_total[10m])')})",
            lambda: f"ceil(timestamp({self.selector() + self.when().split(' @')[0]}))",
            lambda: f"timestamp(({e(depth - 1)}) + 0)",
            lambda: f"{self.one('minute', 'hour', 'day_of_week', 'day_of_month', 'day_of_year', 'days_in_month', 'month', 'year')}({self.one('', 'vector(time())', 'lvl * 86400 * 30', 'timestamp(lvl)')})",
            lambda: f"vector({self.one('1', 'time()', 'scalar(lim)', '-0.5')})",
        )()

    def binary(self, side, ops):
        op = self.one(*ops)
        return self.one(
            lambda: f'({side()}) {op} ({side()})',
            lambda: f"({side()}) {op} on(job, inst) ({side()})",
            lambda: f"lvl{self.matchers()} {op} on(job) group_left{self.one('', '(zone)', '()')} lim{self.matchers()}",
            lambda: f"lim{self.matchers()} {op} on(job) group_right{self.one('', '(zone)')} gap{self.matchers()}",
            lambda: f"req_total{self.matchers()} {op} ignoring(code) group_left lvl{self.matchers()}",
            lambda: f"req_total{{code=\"500\"}} {op} ignoring(code) req_total{{code=\"200\"}}",
            lambda: f"sum by (job) ({side()}) {op} on(job) lim",
        )()

    def grouping(self):
        return self.one('', f' by ({self.labels()}) ', f' without ({self.labels()}) ')

    def smooth(self, depth):
        """Any value; only smooth functions above."""
        if depth <= 0 or self.r.random() < 0.25:
            return self.exact(max(depth, 1))
        s = self.smooth
        return self.one(
            lambda: f"{self.one('rate', 'increase', 'irate')}({self.plain_window(('req_total', 'far_total', 'lat_bucket'))})",
            lambda: f"{self.one('rate', 'increase', 'irate')}(({self.one('req_total', 'sum by (job) (req_total)', 'max(far_total)')})[{self.one('5m', '10m')}:{self.one('', '20s')}])",
            lambda: f"timestamp({self.selector() + self.when().split(' @')[0]})",
            lambda: f"{self.one('delta', 'deriv')}({self.window(('lvl', 'gap', 'lim', 'flat'))})",
            lambda: f"predict_linear({self.window(('lvl', 'gap', 'lim', 'flat')).split(' @')[0]}, {self.one('0', '60', '-600', '3600')})",
            lambda: f"holt_winters({self.window(('lvl', 'gap', 'lim'))}, {self.one('0.3, 0.6', '0.5, 0.1', '0.9, 0.9')})",
            lambda: f"{self.one('avg', 'stddev', 'stdvar')}_over_time({self.window(self.GAUGES + self.COUNTERS)})",
            lambda: f"quantile_over_time({self.one('0.5', '0.9', '0', '1', '-1', '2', '0.33')}, {self.window(self.GAUGES + self.COUNTERS)})",
            lambda: f"{self.one('sum', 'avg')}{self.grouping()}({self.exact(depth - 1)})",
            lambda: f"{self.one('stddev', 'stdvar')}{self.grouping()}(({self.exact(depth - 1)}) > -1e5 < 1e5)",
            lambda: f"quantile{self.grouping()}({self.one('0.5', '0.9', '0', '1', '-1', '2', '0.33', 'scalar(vector(0.25))')}, {self.exact(depth - 1)})",
            lambda: f"sum{self.grouping()}({s(depth - 1)})",
            lambda: f"({s(depth - 1)}) {self.one('+', '-', '*', '/')} {self.scalar()}",
            lambda: f"{self.scalar()} {self.one('+', '-', '*', '/')} ({s(depth - 1)})",
            lambda: f"({self.exact(depth - 1)}) {self.one('^', '%')} {self.scalar()}",
            lambda: f"abs(({self.exact(depth - 1)}) atan2 {self.scalar()})",
            lambda: f"abs({self.binary(lambda: self.exact(depth - 1), ('atan2',))})",
            lambda: self.binary(lambda: self.exact(depth - 1), ('*', '/', '%')),
            lambda: self.binary(lambda: s(depth - 1), ('+', '*', '-')),
            lambda: f"{self.one('sqrt', 'exp', 'ln', 'log2', 'log10', 'sin', 'cos', 'tanh', 'atan', 'deg', 'rad', 'asinh', 'acos', 'atanh')}({self.exact(depth - 1)})",
            lambda: f"histogram_quantile({self.one('0.5', '0.9', '0.99', '0', '1', '-1', '1.5', 'NaN', '0.25')}, {self.one('lat_bucket', 'rate(lat_bucket[5m])', 'sum by (le) (rate(lat_bucket[5m]))', 'sum by (job, le) (increase(lat_bucket[10m]))', *BUCKETS)})",
            lambda: f"-({s(depth - 1)})",
            lambda: f"({s(depth - 1)})",
        )()

    def query(self):
        r = self.r.random()
        if r < 0.04:
            return self.one('1 + 2 * 3 ^ 2 ^ 0.5', 'time()', 'scalar(lvl{job="api",inst="1"}) + 1', '-2 ^ 2', '1 / 0', '0 / 0', '5 % -3', '2 > bool 1', 'pi()', 'scalar(flat) * 3', '+1', '-(-3)', '1 atan2 2')
        if r < 0.08:
            return self.one('sort', 'sort_desc') + f"({self.one('lvl', 'gap', 'far_total')}{self.matchers()})"
        return self.smooth(3)


# ---------------------------------------------------------------- the two

class Side:
    def __init__(self, port, base, headers):
        self.port, self.base, self.headers, self.c = port, base, headers, None

    def ask(self, path, form):
        body = urllib.parse.urlencode(form)
        for attempt in (0, 1):
            if self.c is None:
                self.c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)
            try:
                self.c.request('POST', self.base + path, body, {'Content-Type': 'application/x-www-form-urlencoded', **self.headers})
                return json.loads(self.c.getresponse().read())
            except (http.client.HTTPException, ConnectionError):
                self.c = None
                if attempt:
                    raise


def number(v):
    return float(v.replace('Inf', 'inf'))


def near(a, b):
    a, b = number(a), number(b)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if a == b:
        return True
    if math.isinf(a) or math.isinf(b):
        return False
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b)) or abs(a - b) < 1e-9  # the latter for what cancels out


def key(x):
    return json.dumps(x['metric'], sort_keys=True)


def difference(p, h, ordered):
    """Where the two answers part, in words; None if they do not."""
    if p['status'] != h['status']:
        if h.get('error', '').startswith('multiple matches for labels') or p.get('error', '').endswith('the same labelset'):
            return KNOWN
        return f"prometheus: {p['status']} {p.get('error', '')}; heming: {h['status']} {h.get('error', '')}"
    if p['status'] == 'error':
        return None if p['errorType'] == h['errorType'] else f"prometheus: {p['errorType']} {p['error']}; heming: {h['errorType']} {h['error']}"
    p, h = p['data'], h['data']
    if p['resultType'] != h['resultType']:
        return f"prometheus: {p['resultType']}; heming: {h['resultType']}"
    p, h = p['result'], h['result']
    if p and not isinstance(p[0], dict):
        return None if near(p[1], h[1]) else f'prometheus: {p}; heming: {h}'
    if not ordered:
        p, h = sorted(p, key=key), sorted(h, key=key)
    if [key(x) for x in p] != [key(x) for x in h]:
        pk, hk = {key(x): x for x in p}, {key(x): x for x in h}
        return 'series: only prometheus ' + str([pk[k] for k in pk if k not in hk][:2])[:300] + '; only heming ' + str([hk[k] for k in hk if k not in pk][:2])[:300]
    for a, b in zip(p, h):
        av, bv = a.get('values') or [a['value']], b.get('values') or [b['value']]
        if [t for t, _ in av] != [t for t, _ in bv]:
            return f'{key(a)}: steps of prometheus {[t for t, _ in av][:6]}… of heming {[t for t, _ in bv][:6]}…'
        for (t, x), (_, y) in zip(av, bv):
            if not near(x, y):
                return f'{key(a)} at {t}: prometheus {x}, heming {y}'
    return None


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def wait_until(what, ready, *processes):
    began = time.monotonic()
    while not ready():
        if any(p.poll() is not None for p in processes) or time.monotonic() - began > 20:
            sys.exit(f'prometheus_diff: {what} did not become ready')
        time.sleep(0.02)


def start_prometheus(folder, series):
    names = {}
    for name, labels, points in series:
        names.setdefault(name, []).append((labels, points))
    with open(f'{folder}/data.om', 'w') as f:
        for name, members in names.items():
            f.write(f'# TYPE {name} unknown\n')
            for labels, points in members:
                ls = '{' + ','.join(f'{k}="{v}"' for k, v in labels.items()) + '}' if labels else ''
                f.writelines(f'{name}{ls} {v!r} {ms // 1000}.{ms % 1000:03d}\n' for ms, v in points)
        f.write('# EOF\n')
    subprocess.run(['promtool', 'tsdb', 'create-blocks-from', 'openmetrics', f'{folder}/data.om', f'{folder}/prom'], check=True, stdout=subprocess.DEVNULL)
    Path(folder, 'prometheus.yml').write_text('global: {evaluation_interval: 1m}\n')
    port = free_port()
    p = subprocess.Popen(['prometheus', f'--config.file={folder}/prometheus.yml', f'--storage.tsdb.path={folder}/prom', '--storage.tsdb.retention.time=100y',
                          f'--web.listen-address=127.0.0.1:{port}'], stdout=subprocess.DEVNULL, stderr=open(f'{folder}/prometheus.log', 'w'))

    def ready():
        c = http.client.HTTPConnection('127.0.0.1', port)
        try:
            c.request('GET', '/-/ready')
            return c.getresponse().status == 200
        except OSError:
            return False

    wait_until('prometheus', ready, p)
    return p, Side(port, '/api/v1/', {})


def start_heming(folder, series, heming):
    site, ready = f'{folder}/site', f'{folder}/ready'
    subprocess.run([heming, 'init', '--site', site, '--pack', str(TOP / 'tests/data/packs/mini'), '--demo'], check=True, stdout=subprocess.DEVNULL)
    words = [line.split() for line in Path(site, 'demo-login').read_text().splitlines() if line.strip()]
    p = subprocess.Popen([heming, 'serve', '--site', site, '--port', '0', '--mqtt-address', 'off', '--rate', '0', '--ready-file', ready, '--log', f'{folder}/log',
                          '--clock', 'manual:2026-07-14T02:00:00Z'], stdout=subprocess.DEVNULL)
    wait_until('heming', lambda: os.path.exists(ready), p)
    port = int(dict(line.split() for line in Path(ready).read_text().splitlines())['http'])
    c = http.client.HTTPConnection('127.0.0.1', port)
    device = next(w for w in words if w[0] == 'device')
    lines = '\n'.join(f"{name}{''.join(f',{k}={v}' for k, v in labels.items())} value={float(v)!r} {ms}" for name, labels, points in series for ms, v in points)
    c.request('POST', '/write?precision=ms', lines, {'Authorization': f'Token {device[1]}:{device[2]}'})
    answer = c.getresponse()
    said = answer.read()
    if answer.status != 204:
        p.terminate()
        sys.exit(f'prometheus_diff: heming refused the data: {said[:300]}')
    login = next(w for w in words if w[0] != 'device')
    c.request('POST', '/api/v1/session', json.dumps({'login': login[0], 'password': login[1]}), {'Content-Type': 'application/json'})
    token = json.loads(c.getresponse().read())['token']
    return p, Side(port, '/prometheus/api/v1/', {'Authorization': f'Bearer {token}'})


def compare(prom, ours, seed, queries, rnd):
    g, bad, known, failing, empty = Grammar(rnd), 0, 0, 0, 0
    began = time.monotonic()
    done = 0
    while done < queries and time.monotonic() - began < 14:
        q = g.query()
        if rnd.random() < 0.5:
            path, form = 'query', {'query': q, 'time': BEGIN + 10 * rnd.randrange(1, SPAN // 10 + 40) + 3}
        else:
            start, step = BEGIN + 10 * rnd.randrange(1, 200) + 3, 10 * rnd.randrange(1, 13)
            path, form = 'query_range', {'query': q, 'start': start, 'end': start + step * rnd.randrange(0, 40), 'step': step}
        p, h = prom.ask(path, form), ours.ask(path, {**form, 'query': q.replace('holt_winters', 'double_exponential_smoothing')})
        done += 1
        failing += p['status'] == 'error'
        empty += p['status'] == 'success' and not p['data']['result']
        why = difference(p, h, path == 'query' and q.startswith('sort'))
        if why == KNOWN:
            known += 1
        elif why:
            bad += 1
            if bad <= SHOWN:
                print(f'# {path} {form}\n#   {why}')
    print(f'# seed {seed}: {done} queries, {failing} that fail in both, {empty} without a result, {known} of the known difference, in {time.monotonic() - began:.1f} s')
    return done, bad


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 42
    queries = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    heming = os.environ.get('HEMING')
    if not heming:
        sys.exit('prometheus_diff [SEED [QUERIES]], and HEMING names the program')
    if not shutil.which('prometheus') or not shutil.which('promtool'):
        print('1..0 # SKIP prometheus is not installed')
        sys.exit(77)
    rnd = random.Random(seed)
    series = make_data(rnd)
    running = []
    with tempfile.TemporaryDirectory(prefix='heming-diff-') as folder:
        try:
            p, prom = start_prometheus(folder, series)
            running.append(p)
            p, ours = start_heming(folder, series, heming)
            running.append(p)
            done, bad = compare(prom, ours, seed, queries, rnd)
        finally:
            for p in running:
                p.terminate()
            for p in running:
                p.wait(10)
    print(f"{'not ok' if bad or done < 200 else 'ok'} 1 - {done} random queries, {bad} differ")
    print('1..1')
    sys.exit(1 if bad or done < 200 else 0)


if __name__ == '__main__':
    main()
