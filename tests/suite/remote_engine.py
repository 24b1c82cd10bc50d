#!/usr/bin/env python3
"""remote_engine [SEED [QUERIES]] - a site with Debian's victoria-metrics behind its readings, beside one that keeps them itself.

Both get the same invented readings. Meanwhile victoria-metrics is killed and started again, more than once, and so is the program. Then:

  nothing is lost    every reading that was acknowledged is in victoria-metrics
  the same answers   with a folder from which all readings were taken away, so that each comes from victoria-metrics, the random
                     queries of prometheus_diff give what the other site gives
  sites do not mix   two more sites share the engine, each with series-labels of its own: each has its own readings, also from an empty folder
  it is told         while victoria-metrics is away, questions about old readings say so, recent ones are answered, readings are taken

HEMING names the program. Ends with 77 if there is no victoria-metrics.
"""
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

from prometheus_diff import BEGIN, SPAN, Grammar, Side, difference, free_port, make_data, wait_until

TOP = Path(__file__).resolve().parents[2]
CLOCK = 'manual:2026-07-14T02:00:00Z'
PARTS = 60
failures = []


def check(what, good, said=''):
    print(f"# {'' if good else 'not '}ok: {what}" + ('' if good else f': {str(said)[:600]}'), flush=True)
    if not good:
        failures.append(what)


class Engine:
    def __init__(self, folder):
        self.folder, self.port, self.p = folder, free_port(), None
        self.start()

    def start(self):
        self.p = subprocess.Popen(['victoria-metrics', f'-storageDataPath={self.folder}/vm', f'-httpListenAddr=127.0.0.1:{self.port}', '-retentionPeriod=100y'],
                                  stdout=subprocess.DEVNULL, stderr=open(f'{self.folder}/vm.log', 'a'))
        wait_until('victoria-metrics', self.ready, self.p)

    def ask(self, path, form=None):
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)
        c.request('POST' if form else 'GET', path, urllib.parse.urlencode(form) if form else None, {'Content-Type': 'application/x-www-form-urlencoded'})
        a = c.getresponse()
        return a.status, a.read()

    def ready(self):
        try:
            return self.ask('/health')[0] == 200
        except OSError:
            return False

    def kill(self):
        self.p.send_signal(signal.SIGKILL)
        self.p.wait(20)

    def stop(self):
        self.p.terminate()
        self.p.wait(60)

    def readings(self):
        """{(labels, ms): value}, and how many there are with the doubles."""
        out, n = {}, 0
        for line in self.ask('/api/v1/export', {'match[]': '{__name__!=""}', 'start': BEGIN - 86400, 'end': BEGIN + 86400})[1].splitlines():
            x = json.loads(line)
            labels = json.dumps(x['metric'], sort_keys=True)
            for t, v in zip(x['timestamps'], x['values']):
                out[labels, t] = v
                n += 1
        return out, n


class Prometheus(Engine):
    """Taking samples in any order, as an engine must that is sent some again."""
    EXTRA = ()

    def start(self):
        config = Path(self.folder, 'prometheus.yml')
        config.write_text('storage: {tsdb: {out_of_order_time_window: 10000h}}\n')
        self.p = subprocess.Popen(['prometheus', f'--config.file={config}', f'--storage.tsdb.path={self.folder}/prom', '--storage.tsdb.retention.time=100y',
                                   f'--web.listen-address=127.0.0.1:{self.port}', '--web.enable-remote-write-receiver', '--enable-feature=memory-snapshot-on-shutdown', *self.EXTRA],
                                  stdout=subprocess.DEVNULL, stderr=open(f'{self.folder}/vm.log', 'a'))
        wait_until('prometheus', self.ready, self.p)

    def ready(self):
        try:
            return self.ask('/-/ready')[0] == 200
        except OSError:
            return False

    def readings(self):
        out = {}
        for x in json.loads(self.ask('/api/v1/query', {'query': '{__name__!=""}[3h]', 'time': BEGIN + 7200})[1])['data']['result']:
            labels = json.dumps(x['metric'], sort_keys=True)
            for t, v in x['values']:
                out[labels, round(t * 1000)] = float(v)
        return out, len(out)


class City:
    def __init__(self, heming, folder, name, *args, clock=CLOCK):
        self.heming, self.site, self.folder, self.name, self.args, self.clock = heming, f'{folder}/{name}', folder, name, args, clock
        subprocess.run([heming, 'init', '--site', self.site, '--pack', str(TOP / 'tests/data/packs/mini'), '--demo'], check=True, stdout=subprocess.DEVNULL)
        words = [line.split() for line in Path(self.site, 'demo-login').read_text().splitlines() if line.strip()]
        self.device = next(w for w in words if w[0] == 'device')
        self.login = next(w for w in words if w[0] != 'device')
        self.start()

    def start(self):
        ready = Path(self.folder, f'{self.name}.ready')
        ready.unlink(missing_ok=True)
        self.p = subprocess.Popen([self.heming, 'serve', '--site', self.site, '--port', '0', '--mqtt-address', 'off', '--rate', '0', '--ready-file', ready,
                                   '--log', f'{self.folder}/{self.name}.log', '--clock', self.clock, *self.args], stdout=subprocess.DEVNULL)
        wait_until('heming', ready.exists, self.p)
        self.port = int(dict(line.split() for line in ready.read_text().splitlines())['http'])
        token = json.loads(self.ask('POST', '/api/v1/session', json.dumps({'login': self.login[0], 'password': self.login[1]}), {'Content-Type': 'application/json'})[1])['token']
        self.bearer = {'Authorization': f'Bearer {token}'}
        self.side = Side(self.port, '/prometheus/api/v1/', self.bearer)

    def ask(self, method, path, body, headers):
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60)
        c.request(method, path, body, headers)
        a = c.getresponse()
        return a.status, a.read()

    def write(self, points):
        """[(name, labels, ms, value)]"""
        lines = '\n'.join(f"{name}{''.join(f',{k}={v}' for k, v in labels.items())} value={float(v)!r} {ms}" for name, labels, ms, v in points)
        return self.ask('POST', '/write?precision=ms', lines, {'Authorization': f'Token {self.device[1]}:{self.device[2]}'})

    def metric(self, name):
        body = self.ask('GET', '/metrics', None, self.bearer)[1].decode()
        return next(float(line.split()[-1]) for line in body.splitlines() if line.startswith(name + ' '))

    def health(self):
        return json.loads(self.ask('GET', '/healthz', None, {})[1])

    def kill(self):
        self.p.send_signal(signal.SIGKILL)
        self.p.wait(20)

    def stop(self):
        self.p.terminate()
        self.p.wait(60)


def wait(what, ready, bound=90):
    began = time.monotonic()
    while not ready():
        if time.monotonic() - began > bound:
            check(what, False)
            return False
        time.sleep(0.2)
    return True


def feed(vm, own, far, series, rnd):
    """Everything into both; kills in between. Returns what was acknowledged by the site with the engine."""
    points = [(name, labels, ms, v) for name, labels, points in series for ms, v in points]
    points.sort(key=lambda p: p[2])
    given = {}
    size = len(points) // PARTS + 1
    for i in range(PARTS):
        part = points[i * size:(i + 1) * size]
        if i in (12, 30):
            vm.kill()
        elif i in (18, 36):
            vm.start()
        elif i == 33:
            far.kill()
            far.start()
        elif i == 48:  # restarted so fast that no message need fail
            vm.kill()
            vm.start()
        s, said = own.write(part)
        assert s == 204, said
        s, said = far.write(part)
        assert s == 204, said
        for name, labels, ms, v in part:
            given[json.dumps({'__name__': name, **labels}, sort_keys=True), ms] = v
        time.sleep(0.1 + 0.1 * rnd.random())
    vm.kill()
    vm.start()
    return given


def compare(own, far, seed, queries, rnd):
    g, bad, done = Grammar(rnd), 0, 0
    began = time.monotonic()
    while done < queries and time.monotonic() - began < 20:
        q = g.query()
        if rnd.random() < 0.5:
            path, form = 'query', {'query': q, 'time': BEGIN + 10 * rnd.randrange(1, SPAN // 10 + 40) + 3}
        else:
            start, step = BEGIN + 10 * rnd.randrange(1, 200) + 3, 10 * rnd.randrange(1, 13)
            path, form = 'query_range', {'query': q, 'start': start, 'end': start + step * rnd.randrange(0, 40), 'step': step}
        why = difference(own.side.ask(path, form), far.side.ask(path, form), path == 'query' and q.startswith('sort'))
        done += 1
        if why and isinstance(why, str) and why != 'known':
            bad += 1
            if bad <= 5:
                print(f'# {path} {form}\n#   {why}')
    check(f'seed {seed}: {done} random queries are answered alike ({time.monotonic() - began:.1f} s)', bad == 0 and done >= 100, f'{bad} differ')


def by_prometheus(heming, series, seed, queries):
    """The other form of reading: no kills here, since prometheus writes its log before it answers."""
    with tempfile.TemporaryDirectory(prefix='heming-engine-') as folder:
        engine = Prometheus(folder)
        running = []
        try:
            own = City(heming, folder, 'own')
            running.append(own)
            far = City(heming, folder, 'far', '--series', f'http://127.0.0.1:{engine.port}')
            running.append(far)
            points = sorted(((name, labels, ms, v) for name, labels, points in series for ms, v in points), key=lambda p: p[2])
            for i in range(0, len(points), 500):
                for c in running:
                    s, said = c.write(points[i:i + 500])
                    assert s == 204, said
            wait('prometheus has everything', lambda: engine.readings()[1] == len(points))
            check(f'prometheus has all {len(points)} readings', far.metric('heming_remote_samples_refused_total') == 0, engine.readings()[1])
            far.stop()
            shutil.rmtree(f'{far.site}/series')
            far.start()
            compare(own, far, seed, queries, random.Random(seed))
        finally:
            for c in running:
                c.stop()
            engine.stop()


def two_sites(heming, folder, vm):
    """Both write series that are alike in all labels, of before the folders are whole, so that the engine is asked."""
    at = (BEGIN + 600) * 1000
    own = {name: [('lvl', {'job': 'shared'}, at, value), ('lvl', {'job': 'shared', 'site': name * 2}, at, value + 1)] for name, value in (('yancheng', 10), ('suzhou', 20))}
    sites = {name: City(heming, folder, name, '--series', f'http://127.0.0.1:{vm.port}', '--series-labels', f'site={name}') for name in own}

    def seen(name):
        r = sites[name].side.ask('query', {'query': 'lvl{job="shared"}', 'time': BEGIN + 601})
        return sorted((x['metric'].get('site', ''), x['value'][1]) for x in r['data']['result']) if r['status'] == 'success' else r

    try:
        for name, points in own.items():
            check(f'{name} takes readings', sites[name].write(points)[0] == 204)
        for name, points in own.items():
            wait('they are handed on', lambda name=name: len(vm.ask('/api/v1/export', {'match[]': f'lvl{{site="{name}"}}'})[1].splitlines()) == 2)
        for name, points in own.items():
            want = sorted((labels.get('site', ''), str(v)) for _, labels, _, v in points)
            check(f'{name} sees its own readings alone', seen(name) == want, seen(name))
            sites[name].stop()
            shutil.rmtree(f'{sites[name].site}/series')
            sites[name].start()
            wait('the engine answers', lambda name=name, want=want: seen(name) == want, 20)
            check(f'{name} has them from the engine, too, and a label of that name as it was', seen(name) == want, seen(name))
    finally:
        for c in sites.values():
            if c.p.poll() is None:
                c.stop()


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 42
    queries = int(sys.argv[2]) if len(sys.argv) > 2 else 1500
    heming = os.environ.get('HEMING')
    if not heming:
        sys.exit('remote_engine [SEED [QUERIES]], and HEMING names the program')
    if not shutil.which('victoria-metrics'):
        print('1..0 # SKIP victoria-metrics is not installed')
        sys.exit(77)
    rnd = random.Random(seed)
    # victoria-metrics keeps about 14 digits: fewer are given.
    series = [(name, labels, [(ms, v // 1 + v % 1 * 16) for ms, v in points] if name == 'far_total' else points) for name, labels, points in make_data(rnd)]
    with tempfile.TemporaryDirectory(prefix='heming-engine-') as folder:
        vm = Engine(folder)
        running = []
        try:
            own = City(heming, folder, 'own')
            running.append(own)
            far = City(heming, folder, 'far', '--series', f'http://127.0.0.1:{vm.port}')
            running.append(far)
            given = feed(vm, own, far, series, rnd)

            def quiet():
                have = vm.readings()[0]
                return far.metric('heming_remote_queue_bytes') == 0 and far.metric('heming_remote_ok') == 1 and all(k in have for k in given)

            wait('everything arrives', quiet)
            have, n = vm.readings()
            lost = [k for k in given if k not in have]
            wrong = [(k, v, have[k]) for k, v in given.items() if k in have and have[k] != v]
            check(f'nothing acknowledged is lost: {len(given)} readings, {n} in the engine', not lost and not wrong, (len(lost), lost[:3], wrong[:3]))
            check('the window was sent again after each loss', far.metric('heming_remote_windows_sent_again_total') >= 2, far.metric('heming_remote_windows_sent_again_total'))
            check('nothing was refused', far.metric('heming_remote_samples_refused_total') == 0)

            far.stop()
            shutil.rmtree(f'{far.site}/series')
            far.start()
            check('the folder knows nothing of before', far.health()['remote']['whole_since'] == '2026-07-14T02:00:00Z', far.health())
            compare(own, far, seed, queries, rnd)

            two_sites(heming, folder, vm)

            vm.stop()  # with the folder the window has gone: nothing could be sent again after a kill
            wait('that it is away is seen', lambda: not far.health()['remote']['ok'])
            r = far.side.ask('query', {'query': 'lvl', 'time': BEGIN + 600})
            check('a question about old readings says what is wrong', r['status'] == 'error' and 'remote engine' in r['error'], r)
            s, said = far.write([('lvl', {'job': 'api'}, (BEGIN + 7200) * 1000, 42)])
            check('readings are taken meanwhile', s == 204, said)
            vm.start()
            wait('it is heard again', lambda: far.health()['remote']['ok'] and far.metric('heming_remote_queue_bytes') == 0)
            old = {'query': 'lvl{job="api",inst="1"} @ %d' % (BEGIN + 600), 'time': BEGIN + 7200}
            wait('questions are asked again', lambda: far.side.ask('query', old)['status'] == 'success')
            r = far.side.ask('query', old)
            check('old readings are there again', r['status'] == 'success' and len(r['data']['result']) == 1, r)
            r = far.side.ask('query', {'query': 'lvl{job="api",inst=""}', 'time': BEGIN + 7200})
            check('and what was taken meanwhile', r['status'] == 'success' and r['data']['result'][0]['value'][1] == '42', r)
        finally:
            for c in running:
                if c.p.poll() is None:
                    c.stop()
            if vm.p.poll() is None:
                vm.stop()
            if failures:
                for name in ('far.log', 'vm.log'):
                    shutil.copy(f'{folder}/{name}', f'{os.environ.get("TMPDIR", "/tmp")}/remote_engine.{name}')
    if shutil.which('prometheus'):
        by_prometheus(heming, series, seed, queries // 3)
    print(f"{'not ok' if failures else 'ok'} 1 - a remote engine, {len(failures)} failed")
    print('1..1')
    sys.exit(1 if failures else 0)


if __name__ == '__main__':
    main()
