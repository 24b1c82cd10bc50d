#!/usr/bin/env python3
"""remote_deletion - deletions, retention and a standby of a site with an engine behind its readings.

The same life, with an engine that is killed and started again, and the site too, with Debian's victoria-metrics, with the addresses that a cluster of it
has, and with Debian's prometheus, with and without its admin API:

  at once             what was deleted is in no answer, whether the engine is there or not
  the engine, too     whole series are deleted there; a part of one is masked, or with prometheus' API deleted
  nothing comes back  after a kill of the engine, of the site, and from a folder that has forgotten
  what is new stays   readings that are written afterwards, for the deleted time as well
  retention           series that ended longer ago than readings are kept go from victoria-metrics; what is older is not answered
  a standby           made a site goes on sending, with what was deleted deleted

HEMING names the program. Ends with 77 if there is no victoria-metrics.
"""
import concurrent.futures
import http.client
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from pathlib import Path

from prometheus_diff import BEGIN
from remote_engine import City, Engine, Prometheus, check, failures, wait

DAY = 86400


class Cluster(http.server.ThreadingHTTPServer):
    """A cluster's addresses, /insert/7/prometheus, /select/7/prometheus and /delete/7/prometheus, in front of one engine; no others."""
    FORMS = (('/insert/7/prometheus', ('/api/v1/write',)), ('/select/7/prometheus', ('/api/v1/export', '/api/v1/series')),
             ('/delete/7/prometheus', ('/api/v1/admin/tsdb/delete_series',)))

    def __init__(self, engine):
        super().__init__(('127.0.0.1', 0), Handler)
        self.engine, self.strange, self.deletes = engine, [], 0
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def target(self, path):
        for base, paths in self.FORMS:
            if path.startswith(base) and path[len(base):] in paths:
                self.deletes += base.startswith('/delete')
                return path[len(base):]
        self.strange.append(path)
        return None

    def args(self):
        at = f'http://127.0.0.1:{self.server_port}'
        return ('--series', at + '/insert/7/prometheus', '--series-read', at + '/select/7/prometheus/', '--series-parts', f'http://127.0.0.1:{self.engine.port}')


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        path = self.server.target(self.path)
        status, answer = 400, b'unsupported path'
        if path:
            try:
                c = http.client.HTTPConnection('127.0.0.1', self.server.engine.port, timeout=20)
                c.request('POST', path, body, {k: v for k, v in self.headers.items() if k.lower() in ('content-type', 'content-encoding')})
                a = c.getresponse()
                status, answer = a.status, a.read()
            except OSError:
                status, answer = 502, b'the storage is away'
        self.send_response(status)
        if status != 204:
            self.send_header('Content-Length', str(len(answer)))
        self.end_headers()
        if status != 204:
            self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, *args):
        pass


class AdminPrometheus(Prometheus):
    EXTRA = ('--web.enable-admin-api',)


class Site(City):
    day = 20

    def start(self):
        super().start()
        words = dict(line.split()[:2] for line in Path(self.site, 'demo-login').read_text().splitlines() if line.strip())
        token = json.loads(self.ask('POST', '/api/v1/session', json.dumps({'login': 'admin', 'password': words['admin']}), {'Content-Type': 'application/json'})[1])['token']
        self.admin = {'Authorization': f'Bearer {token}'}

    def delete(self, match, **times):
        form = urllib.parse.urlencode({'match[]': match, 'reason': 'test', **times})
        return self.ask('POST', '/prometheus/api/v1/admin/tsdb/delete_series', form, {'Content-Type': 'application/x-www-form-urlencoded', **self.admin})

    def deletions(self):
        return json.loads(self.ask('GET', '/api/v1/series/removals', None, self.admin)[1])

    def points(self, job):
        r = self.side.ask('query', {'query': f'del{{job="{job}"}}[3h]', 'time': BEGIN + 7300})
        if r['status'] != 'success':
            return r
        return {round(t) - BEGIN: float(v) for x in r['data']['result'] for t, v in x['values']}

    def quiet(self):
        return self.metric('heming_remote_queue_bytes') == 0 and self.metric('heming_remote_ok') == 1 and self.metric('heming_remote_deletions_waiting') == 0

    def forget(self):
        """Weeks later: the window is over, and what is older than series-keep has left the folder. A reading that is sent moves the window."""
        def place():
            return {line.split()[0]: line.split()[1:] for line in Path(self.site, 'series/queue/place').read_text().splitlines()}
        settled = {p.name: json.loads(p.read_text().splitlines()[0]) for p in Path(self.site, 'series/queue').glob('gone-*')}

        def over():
            self.write([('del', {'job': 'tick'}, (BEGIN + 7150) * 1000, 0.0)])
            log, at = map(int, place()['safe'])
            return all((g['log'], g['at']) < (log, at) for g in settled.values()) and (log, at) > tuple(map(int, place()['expired']))
        wait('the window is over', over, 400)
        self.stop()
        self.clock = 'manual:2026-08-%02dT02:00:00Z' % self.day
        self.day += 1
        self.start()
        whole = int(place()['whole'][0])
        wait('old days leave the folder', lambda: int(place()['whole'][0]) > whole or not list(Path(self.site, 'series').glob('blocks-*.db')), 90)
        wait('all of them', lambda: not list(Path(self.site, 'series').glob('blocks-*.db')), 90)

def points_of(job, values):
    return [('del', {'job': job}, (BEGIN + at) * 1000, v) for at, v in values.items()]


def in_engine(engine):
    """{job: values} of the engine's own."""
    out = {}
    for (labels, _), v in engine.readings()[0].items():
        x = json.loads(labels)
        if x.get('__name__') == 'del':
            out.setdefault(x['job'], set()).add(v)
    return out


def life(heming, folder, what, engine, args, masked, gone_there):
    """masked: deletions that the engine leaves; gone_there: it has nothing of the part that was deleted."""
    site = Site(heming, folder, 'site', *args, '--series-window', '1')
    part = {at: float(at) for at in range(0, 200, 10)}
    want = {'whole': {}, 'part': {at: v for at, v in part.items() if not 50 <= at <= 90}, 'kept': {at: -v for at, v in part.items()}}

    def seen(when):
        wait(f'{what}: answers {when}', lambda: not isinstance(site.points('kept'), dict) or 'status' not in site.points('kept'), 20)
        have = {job: site.points(job) for job in want}
        check(f'{what}: answers {when}', have == want, have)

    try:
        check(f'{what}: readings are taken', site.write(points_of('whole', part) + points_of('part', part) + points_of('kept', want['kept']))[0] == 204)
        wait(f'{what}: they are in the engine', lambda: sum(map(len, in_engine(engine).values())) == 60)
        s, said = site.delete('del{job="whole"}')
        check(f'{what}: a series is deleted', s == 204, said)
        s, said = site.delete('del{job="part"}', start=BEGIN + 50, end=BEGIN + 90)
        check(f'{what}: and a part of one', s == 204, said)
        seen('have no more of it')
        wait(f'{what}: the engine is told', site.quiet)
        have = in_engine(engine)
        check(f'{what}: the engine has no more of the whole series', ('whole' not in have) == (masked < 2), have)
        check(f'{what}: what it has of the other one is as expected', (50.0 not in have['part']) == gone_there, have['part'])
        check(f'{what}: what it keeps is told', site.metric('heming_remote_deletions_masked') == masked, site.metric('heming_remote_deletions_masked'))
        rows = [r.get('why', '') for r in site.deletions()['items']]
        check(f'{what}: and by the deletions', sum('keeps them' in w for w in rows) == masked, rows)
        # Whatever the engine forgot, it is told again, in the same order.
        engine.kill()
        s, said = site.write(points_of('whole', {60: 1.5, 7100: 2.5}) + points_of('part', {70: 3.5, 210: 4.5}))
        check(f'{what}: readings are taken while it is away', s == 204, said)
        s, said = site.delete('del{job="kept"}', start=BEGIN, end=BEGIN + 30)
        check(f'{what}: a deletion, too', s == 204, said)
        want['whole'] = {60: 1.5, 7100: 2.5}
        want['part'] |= {70: 3.5, 210: 4.5}
        want['kept'] = {at: v for at, v in want['kept'].items() if at > 30}
        engine.start()
        wait(f'{what}: everything is handed on', site.quiet)
        seen('after a kill of the engine')
        site.kill()
        site.start()
        wait(f'{what}: sent again', site.quiet)
        seen('after a kill of the site')
        s, said = site.write(points_of('kept', {20: 9.5}))
        want['kept'][20] = 9.5
        seen('with what was written again')
        wait(f'{what}: handed on', site.quiet)
        site.forget()
        seen('from the engine alone')
        check(f'{what}: the mask of what the engine has deleted is gone', masked > 1 or not any(json.loads(p.read_text().splitlines()[0]).get('sure') for p in Path(site.site, 'series/queue').glob('gone-*')))
    finally:
        if site.p.poll() is None:
            site.stop()


def retention(heming, folder, engine):
    """30 days, and a clock 40 days later."""
    site = Site(heming, folder, 'aged', '--series', f'http://127.0.0.1:{engine.port}', '--series-labels', 'site=aged', '--retention', '30d')
    later = BEGIN + 40 * DAY
    try:
        site.write(points_of('ended', {10: 1.0}) + points_of('goes_on', {10: 2.0}))
        wait('both are in the engine', lambda: {'ended', 'goes_on'} <= set(in_engine(engine)))
        site.stop()
        site.clock = 'manual:2026-08-23T02:00:00Z'
        site.start()
        site.write([('del', {'job': 'goes_on'}, later * 1000, 3.0)])
        wait('it is handed on', site.quiet)
        p = subprocess.run([heming, 'series', 'retention', '--now', '--site', site.site], capture_output=True, text=True)
        check('retention runs', p.returncode == 0, p.stderr)
        check('what is older is not answered', site.points('goes_on') == {} and site.points('ended') == {}, (site.points('goes_on'), site.points('ended')))

        def have():
            lines = engine.ask('/api/v1/export', {'match[]': 'del{site="aged"}'})[1].splitlines()
            return {json.loads(x)['metric']['job'] for x in lines}
        wait('the series that ended is gone from the engine, the other is not', lambda: have() == {'goes_on'})
        s, _ = site.write([('del', {'job': 'ended'}, (later + 60) * 1000, 4.0)])
        wait('it begins again', lambda: len(engine.ask('/api/v1/export', {'match[]': 'del{site="aged",job="ended"}', 'start': later})[1].splitlines()) == 1)
    finally:
        if site.p.poll() is None:
            site.stop()


def standby(heming, folder, engine):
    copy = f'{folder}/copy'
    subprocess.run([heming, 'standby', 'make', copy], check=True, stdout=subprocess.DEVNULL)
    args = ('--series', f'http://127.0.0.1:{engine.port}', '--series-labels', 'site=twin')
    site = Site(heming, folder, 'twin', *args, '--standby', copy)
    taken = {}
    try:
        for i in range(20):
            if i == 8:
                engine.kill()
            s, said = site.write(points_of('twin', {i: float(i)}))
            assert s == 204, said
            taken[i] = float(i)
        s, said = site.delete('del{job="twin"}', start=BEGIN + 4, end=BEGIN + 11)
        check('deleted while the engine is away', s == 204, said)
        site.write(points_of('twin', {10: 100.0}))
        want = {at: v for at, v in taken.items() if not 4 <= at <= 11} | {10: 100.0}
        wait('the standby has it', lambda: site.health()['standby']['ok'] and site.health()['standby']['behind_bytes'] == 0 and Path(copy, 'series/queue/gone-00000001').exists())
        check('the standby has the queue', Path(copy, 'series/queue/place').exists())
        site.kill()
        subprocess.run([heming, 'standby', 'promote', '--site', copy], check=True, stdout=subprocess.DEVNULL)
        shutil.copy(f'{site.site}/demo-login', f'{copy}/demo-login')
        shutil.copy(f'{site.site}/secret.key', f'{copy}/secret.key')
        site.site, site.args = copy, args
        engine.start()
        site.start()
        wait('the copy hands on', site.quiet)
        wait('answers of the copy', lambda: site.points('twin') == want, 20)
        check('answers of the copy', site.points('twin') == want, site.points('twin'))
        wait('the engine has what the first site was given', lambda: set(want.values()) <= in_engine(engine).get('twin', set()))
    finally:
        if site.p.poll() is None:
            site.stop()


def with_engine(kind, work):
    with tempfile.TemporaryDirectory(prefix='heming-deletion-') as folder:
        engine = kind(folder)
        before = len(failures)
        try:
            work(folder, engine)
        finally:
            if engine.p.poll() is None:
                engine.stop()
            if len(failures) > before:
                for p in Path(folder).glob('*.log'):
                    shutil.copy(p, f'{os.environ.get("TMPDIR", "/tmp")}/remote_deletion.{p.name}')


def alone(heming):
    def work(folder, engine):
        life(heming, folder, 'victoria-metrics', engine, ('--series', f'http://127.0.0.1:{engine.port}'), 1, False)
        retention(heming, folder, engine)
        standby(heming, folder, engine)
    with_engine(Engine, work)


def cluster(heming):
    def work(folder, engine):
        front = Cluster(engine)
        life(heming, folder, 'a cluster', engine, front.args(), 1, False)
        check('a cluster is asked by its own paths alone', not front.strange and front.deletes > 0, front.strange[:5])
        front.shutdown()
    with_engine(Engine, work)


def prometheus(heming, kind, what, masked, gone_there):
    with_engine(kind, lambda folder, engine: life(heming, folder, what, engine, ('--series', f'http://127.0.0.1:{engine.port}'), masked, gone_there))


def main():
    heming = os.environ.get('HEMING')
    if not heming:
        sys.exit('remote_deletion, and HEMING names the program')
    if not shutil.which('victoria-metrics'):
        print('1..0 # SKIP victoria-metrics is not installed')
        sys.exit(77)
    work = [lambda: alone(heming), lambda: cluster(heming)]
    if shutil.which('prometheus'):
        work += [lambda: prometheus(heming, AdminPrometheus, 'prometheus', 0, True),
                 lambda: prometheus(heming, Prometheus, 'prometheus without its admin API', 2, False)]
    with concurrent.futures.ThreadPoolExecutor() as pool:  # most of the time is waiting for windows
        for one in [pool.submit(w) for w in work]:
            one.result()
    print(f"{'not ok' if failures else 'ok'} 1 - deletions with a remote engine, {len(failures)} failed")
    print('1..1')
    sys.exit(1 if failures else 0)


if __name__ == '__main__':
    main()
