#!/usr/bin/env python3
"""remote_write - Prometheus remote write into the program: by messages made here, and by Debian's prometheus.

The messages are protobuf and snappy written by hand, from the specifications 1.0 and 2.0: good ones, ones with bad parts, torn,
oversized and corrupt ones; what was stored is asked back by PromQL. Then a real prometheus scrapes the program's own /metrics and
writes to it; both are asked for the raw samples, and a target that goes away must leave a staleness marker.

HEMING names the program. Without prometheus the second half is left out.
"""
import base64
import http.client
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path

from prometheus_diff import free_port, wait_until

TOP = Path(__file__).resolve().parents[2]
NOW = 1783987200  # 2026-07-14T00:00:00Z
STALE = struct.pack('<Q', 0x7ff0000000000002)
failures = []
checks = 0


def check(what, good, said=''):
    global checks
    checks += 1
    if not good:
        failures.append(what)
        print(f'# {what}: {str(said)[:400]}')


# ---------------------------------------------------------------- the wire

def varint(n):
    n &= (1 << 64) - 1
    out = b''
    while n >= 0x80:
        out += bytes([n & 0x7f | 0x80])
        n >>= 7
    return out + bytes([n])


def field(no, data):
    if isinstance(data, int):
        return varint(no << 3) + varint(data)
    if isinstance(data, float):
        return varint(no << 3 | 1) + struct.pack('<d', data)
    return varint(no << 3 | 2) + varint(len(data)) + data


def sample(ms, v):
    value = varint(1 << 3 | 1) + v if isinstance(v, bytes) else field(1, float(v))
    return value + field(2, ms)


def series_1(labels, samples, more=b''):
    """labels: pairs, in the order in which they are sent."""
    out = b''.join(field(1, field(1, k.encode()) + field(2, v.encode())) for k, v in labels)
    return field(1, out + b''.join(field(2, sample(*s)) for s in samples) + more)


class Table:
    def __init__(self):
        self.texts = ['']

    def ref(self, text):
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text)

    def series(self, labels, samples, more=b'', refs=None):
        if refs is None:
            refs = [self.ref(x) for pair in labels for x in pair]
        out = field(1, b''.join(varint(r) for r in refs))
        return field(5, out + b''.join(field(2, sample(*s)) for s in samples) + more)

    def message(self, *series):
        return b''.join(field(4, t.encode()) for t in self.texts) + b''.join(series)


def snappy(data):
    out = varint(len(data))
    for i in range(0, len(data), 60):
        part = data[i:i + 60]
        out += bytes([len(part) - 1 << 2]) + part
    return out


# ---------------------------------------------------------------- the program

class City:
    def __init__(self, heming, folder, clock):
        self.site, ready = f'{folder}/site', f'{folder}/ready'
        subprocess.run([heming, 'init', '--site', self.site, '--pack', str(TOP / 'tests/data/packs/mini'), '--demo'], check=True, stdout=subprocess.DEVNULL)
        words = [line.split() for line in Path(self.site, 'demo-login').read_text().splitlines() if line.strip()]
        args = ['--clock', clock] if clock else []
        self.p = subprocess.Popen([heming, 'serve', '--site', self.site, '--port', '0', '--mqtt-address', 'off', '--rate', '0', '--ready-file', ready,
                                   '--log', f'{folder}/log', *args], stdout=subprocess.DEVNULL)
        wait_until('heming', lambda: os.path.exists(ready), self.p)
        self.port = int(dict(line.split() for line in Path(ready).read_text().splitlines())['http'])
        self.device = next(w for w in words if w[0] == 'device')[1:3]
        login = next(w for w in words if w[0] != 'device')
        status, _, body = self.ask('POST', '/api/v1/session', json.dumps({'login': login[0], 'password': login[1]}).encode(), {'Content-Type': 'application/json'})
        assert status in (200, 201), body
        self.token = json.loads(body)['token']

    def ask(self, method, path, body, headers):
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=30)
        c.request(method, path, body, headers)
        a = c.getresponse()
        return a.status, a.headers, a.read()

    def write(self, body, v2=False, path='/api/v1/write', pack=snappy, **headers):
        h = {'Content-Type': 'application/x-protobuf' + (';proto=io.prometheus.write.v2.Request' if v2 else ''), 'Content-Encoding': 'snappy',
             'User-Agent': 'remote_write', 'X-Prometheus-Remote-Write-Version': '2.0.0' if v2 else '0.1.0',
             'Authorization': f'Token {self.device[0]}:{self.device[1]}', **{k.replace('_', '-'): v for k, v in headers.items()}}
        return self.ask('POST', path, pack(body), {k: v for k, v in h.items() if v is not None})

    def prom(self, path, **form):
        _, _, body = self.ask('POST', '/prometheus/api/v1/' + path, urllib.parse.urlencode(form).encode(),
                              {'Content-Type': 'application/x-www-form-urlencoded', 'Authorization': f'Bearer {self.token}'})
        return json.loads(body)

    def points(self, selector, at=NOW, span='1h'):
        """{labels as text: [(time, value)]}."""
        r = self.prom('query', query=f'{selector}[{span}]', time=at)
        return {json.dumps(x['metric'], sort_keys=True): [(t, v) for t, v in x['values']] for x in r['data']['result']}

    def metadata(self):
        _, _, body = self.ask('GET', '/prometheus/api/v1/metadata', None, {'Authorization': f'Bearer {self.token}'})
        return json.loads(body)['data']

    def metric(self, name):
        _, _, body = self.ask('GET', '/metrics', None, {'Authorization': f'Bearer {self.token}'})
        return next(float(line.split()[-1]) for line in body.decode().splitlines() if line.startswith(name + ' '))

    def stop(self):
        self.p.terminate()
        self.p.wait(20)


def values(found):
    return [v for points in found.values() for _, v in points]


# ---------------------------------------------------------------- messages made here

def good(c):
    ms = NOW * 1000
    labels = [('__name__', 'rw_level'), ('job', 'a'), ('thing', 'T-1')]
    s, h, body = c.write(series_1(labels, [(ms - 2001, 1.5), (ms - 1000, -2)]) + series_1([('__name__', 'rw_other')], [(ms - 1000, 7)]))
    check('a good message is 204', s == 204 and body == b'', (s, body))
    check('and says how many', h['X-Prometheus-Remote-Write-Samples-Written'] == '3', h)
    check('its samples are there, to the millisecond', c.points('rw_level') == {json.dumps({'__name__': 'rw_level', 'job': 'a', 'thing': 'T-1'}, sort_keys=True):
          [(NOW - 2.001, '1.5'), (NOW - 1, '-2')]}, c.points('rw_level'))
    s, _, body = c.write(series_1(labels, [(ms - 2001, 1.5), (ms - 1000, -2)]), path='/prometheus/api/v1/write')
    check('the same again is 204', s == 204, body)
    check('and changes nothing', values(c.points('rw_level')) == ['1.5', '-2'])
    s, _, body = c.write(series_1(labels, [(ms - 60000, 9), (ms - 1000, 3)]))
    check('older samples are taken, and the last written of an instant counts', s == 204 and values(c.points('rw_level')) == ['9', '1.5', '3'], c.points('rw_level'))
    s, _, body = c.write(b'')
    check('an empty message is 204', s == 204, body)
    s, _, body = c.write(series_1(labels, []))
    check('a series without samples is nothing in 1.0', s == 204, body)
    s, _, body = c.write(series_1([('__name__', 'rw_old')], [(0, 1), (-1000, 2), (1, 3)]))
    check('times of 1970 and before are taken', s == 204 and values(c.points('rw_old', at=10, span='1m')) == ['2', '1', '3'], c.points('rw_old', at=10, span='1m'))
    s, _, body = c.write(field(9, b'later') + series_1([('__name__', 'rw_more')], [(ms, 1)], field(77, 5)) + field(10, 3))
    check('fields of later versions are passed over', s == 204 and values(c.points('rw_more')) == ['1'], body)


def again(c):
    """Series that come in the order of last time are known by their bytes; that must show nowhere."""
    ms = NOW * 1000
    one, two, three = ([('__name__', 'rw_again'), ('n', n)] for n in ('1', '2', '3'))
    for i in range(3):
        s, h, body = c.write(b''.join(series_1(x, [(ms - 10000 + i, i + k / 4)]) for k, x in enumerate((one, two, three))))
        check(f'the same series, time {i}', s == 204 and h['X-Prometheus-Remote-Write-Samples-Written'] == '3', (s, body))
    s, h, body = c.write(series_1(one, [(ms - 9000, 7), (ms - 8000, 8)]) + series_1(three, [(ms - 9000, 9)]) + series_1(two, [(ms + 3600_000, 1)]) +
                         series_1(one + [('z', 'z')], [(ms - 9000, 10)]) + series_1(two, [(ms - 9000, 11)], field(4, field(1, 3))))
    check('in another order, with a bad one and one with more: told', s == 400 and b'series 3' in body and h['X-Prometheus-Remote-Write-Samples-Written'] == '5', (s, h, body))
    check('and each has its own', sorted(map(tuple, c.points('rw_again').values())) == sorted([
        tuple((NOW - 10 + i / 1000, str(i)) for i in range(3)) + ((NOW - 9, '7'), (NOW - 8, '8')),
        tuple((NOW - 10 + i / 1000, f'{i + 0.25:g}') for i in range(3)) + ((NOW - 9, '11'),),
        tuple((NOW - 10 + i / 1000, f'{i + 0.5:g}') for i in range(3)) + ((NOW - 9, '9'),), ((NOW - 9, '10'),)]), c.points('rw_again'))


def special(c):
    ms = NOW * 1000
    nan = struct.pack('<Q', 0x7ff8000000000001)
    s, _, body = c.write(series_1([('__name__', 'rw_gone')], [(ms - 3000, 5), (ms - 2000, STALE)]) + series_1([('__name__', 'rw_nan')], [(ms, nan)]) +
                         series_1([('__name__', 'rw_inf')], [(ms - 1, float('-inf')), (ms, float('inf'))]))
    check('staleness markers and special values are taken', s == 204, body)
    check('a stale series is gone at once', c.prom('query', query='rw_gone', time=NOW)['data']['result'] == [], c.prom('query', query='rw_gone', time=NOW))
    check('and was there before', values({'': [(0, c.prom('query', query='rw_gone', time=NOW - 3)['data']['result'][0]['value'][1])]}) == ['5'])
    check('a NaN is no marker', values(c.points('rw_nan')) == ['NaN'], c.points('rw_nan'))
    check('infinities stay', values(c.points('rw_inf')) == ['-Inf', '+Inf'], c.points('rw_inf'))


def partial(c):
    ms = NOW * 1000
    bad = {
        'order': [('__name__', 'rw_bad'), ('b', '1'), ('a', '1')],
        'twice': [('__name__', 'rw_bad'), ('a', '1'), ('a', '2')],
        'an empty name': [('', 'x'), ('__name__', 'rw_bad')],
        'an empty value': [('__name__', 'rw_bad'), ('a', '')],
        'no name': [('a', '1')],
        'a metric name with a dash': [('__name__', 'rw-bad')],
        'a label name with a dot': [('__name__', 'rw_bad'), ('a.b', '1')],
        'no labels': [],
        'too many labels': [('__name__', 'rw_bad')] + [(f'l{i:03}', 'x') for i in range(200)],
        'a value that is too long': [('__name__', 'rw_bad'), ('a', 'x' * 40000)],
    }
    for i, (what, labels) in enumerate(bad.items()):
        s, h, body = c.write(series_1([('__name__', 'rw_good'), ('i', str(i))], [(ms, i)]) + series_1(labels, [(ms, 1)]) + series_1([('__name__', 'rw_good'), ('i', f'{i}b')], [(ms, i)]))
        check(f'{what}: 400, in words', s == 400 and b'series 2' in body and json.loads(body)['message'].startswith('2 samples stored, 1 refused'), (s, body))
        check(f'{what}: the others are counted', h['X-Prometheus-Remote-Write-Samples-Written'] == '2', h)
    s, _, body = c.write(series_1([('__name__', 'rw_bad'), ('a', 'x')], [(ms, 1)]).replace(b'x', b'\xff'))
    check('a value that is not UTF-8 is 400', s == 400 and b'UTF-8' in body, body)
    check('the neighbours are stored', len(values(c.points('rw_good'))) == 2 * len(bad), c.points('rw_good'))
    check('the bad ones are not', c.points('{__name__=~"rw.bad"}') == {})
    s, h, body = c.write(series_1([('__name__', 'rw_future')], [(ms, 1), (ms + 3600_000, 2), (2**63 - 1, 3), (-2**63, 4)]))
    check('samples of the future and of no time are refused by themselves', s == 400 and h['X-Prometheus-Remote-Write-Samples-Written'] == '1' and b'future' in body, (s, body))
    before = c.metric('heming_ingest_refused_total{reason="histogram"}'), c.metric('heming_ingest_exemplars_passed_over_total')
    s, h, body = c.write(series_1([('__name__', 'rw_hist')], [], field(4, field(1, 3))) + series_1([('__name__', 'rw_good'), ('i', 'h')], [(ms, 1)]))
    check('native histograms are refused, in words', s == 400 and b'histogram' in body and h['X-Prometheus-Remote-Write-Histograms-Written'] == '0', (s, body))
    s, h, body = c.write(series_1([('__name__', 'rw_ex')], [(ms, 1)], field(3, field(2, 1.0) + field(3, ms))))
    check('exemplars are passed over', s == 204 and h['X-Prometheus-Remote-Write-Exemplars-Written'] == '0', (s, body))
    after = c.metric('heming_ingest_refused_total{reason="histogram"}'), c.metric('heming_ingest_exemplars_passed_over_total')
    check('both are counted', after == (before[0] + 1, before[1] + 1), (before, after))


def metadata(c):
    m = field(3, field(1, 1) + field(2, b'rw_total') + field(4, b'What came.') + field(5, b'bytes'))
    s, _, body = c.write(m + field(3, field(2, b'rw_what')) + field(3, field(1, 99) + field(2, b'rw_later')))
    found = c.metadata()
    check('metadata are kept', s == 204 and found.get('rw_total') == [{'type': 'counter', 'help': 'What came.', 'unit': 'bytes'}], (s, found.get('rw_total')))
    check('unknown types are unknown', found.get('rw_what', [{}])[0].get('type') == 'unknown' and found.get('rw_later', [{}])[0].get('type') == 'unknown', found)


def second(c):
    ms = NOW * 1000
    t = Table()
    meta = field(5, field(1, 2) + field(3, t.ref('How high.')) + field(4, t.ref('metres')))
    one = t.series([('__name__', 'rw2_level'), ('thing', 'T-1')], [(ms - 1000, 4), (ms, STALE)], meta + field(6, ms))
    s, h, body = c.write(t.message(one), v2=True)
    check('2.0: a good message is 204', s == 204 and h['X-Prometheus-Remote-Write-Samples-Written'] == '2', (s, body))
    check('2.0: its samples are there', values(c.points('rw2_level')) == ['4'], c.points('rw2_level'))
    check('2.0: metadata are kept', c.metadata().get('rw2_level') == [{'type': 'gauge', 'help': 'How high.', 'unit': 'metres'}])
    t = Table()
    s, _, body = c.write(t.message(t.series([('__name__', 'rw2.temp'), ('où', 'là')], [(ms, 8)])), v2=True)
    check('2.0: names in UTF-8 are taken', s == 204 and values(c.points('{"rw2.temp","où"="là"}')) == ['8'], body)
    t = Table()
    whole = t.series([('__name__', 'rw2_last'), ('a', 'b')], [(ms, 1)])
    s, _, body = c.write(whole + t.message(), v2=True)
    check('2.0: the table may come last', s == 204 and values(c.points('rw2_last')) == ['1'], body)
    for what, refs in (('a reference past the table', [1, 99]), ('half a label', [1, 2, 3]), ('a huge reference', [1, 2**40])):
        t = Table()
        fine = t.series([('__name__', 'rw2_fine'), ('w', what)], [(ms, 1)])
        s, h, body = c.write(t.message(fine, t.series(None, [(ms, 1)], refs=refs)), v2=True)
        check(f'2.0: {what} is 400', s == 400 and h['X-Prometheus-Remote-Write-Samples-Written'] == '1', (s, body))
    t = Table()
    s, _, body = c.write(t.message(t.series([('__name__', 'rw2_none')], [])), v2=True)
    check('2.0: a series without samples is 400', s == 400, body)
    t = Table()
    s, h, body = c.write(t.message(t.series([('__name__', 'rw2_hist')], [], field(3, field(1, 1))), t.series([('__name__', 'rw2_beside')], [(ms, 1)], field(4, field(2, 1.0)))), v2=True)
    check('2.0: native histograms are 400, the rest is stored', s == 400 and b'histogram' in body and h['X-Prometheus-Remote-Write-Samples-Written'] == '1', (s, body))
    t = Table()
    t.texts[0] = 'x'
    s, _, body = c.write(t.message(t.series([('__name__', 'rw2_first')], [(ms, 1)])), v2=True)
    check('2.0: a table that does not begin with the empty text is 400', s == 400, body)


def door(c):
    one = series_1([('__name__', 'rw_door')], [(NOW * 1000, 1)])
    for what, status, headers in (
            ('no credentials', 401, {'Authorization': None}),
            ('a wrong secret', 401, {'Authorization': f'Token {c.device[0]}:no'}),
            ('Basic', 204, {'Authorization': 'Basic ' + base64.b64encode(':'.join(c.device).encode()).decode()}),
            ('another type', 415, {'Content_Type': 'application/json'}),
            ('another message', 415, {'Content_Type': 'application/x-protobuf;proto=io.prometheus.write.v3.Request'}),
            ('another packing', 415, {'Content_Encoding': 'zstd'}),
            ('the message of 1.0 by name', 204, {'Content_Type': 'application/x-protobuf; proto="prometheus.WriteRequest"'}),
            ('no headers at all', 204, {'Content_Type': None, 'Content_Encoding': None, 'X_Prometheus_Remote_Write_Version': None})):
        s, _, body = c.write(one, **headers)
        check(f'{what}: {status}', s == status, (s, body))
    s, _, body = c.write(one, v2=True)
    check('a message of 1.0 sent as 2.0 is not taken for one', s == 204 and values(c.points('rw_door')) == ['1'], (s, body))
    s, _, _ = c.ask('GET', '/api/v1/write', None, {})
    check('GET is 405', s == 405, s)


def broken(c):
    rnd = random.Random(7)
    one = series_1([('__name__', 'rw_torn'), ('a', 'b')], [(NOW * 1000, 1)])
    packed = snappy(one)
    for what, body in (
            ('nothing', b''), ('text', b'not snappy at all'), ('unpacked', one), ('framed', b'\xff\x06\x00\x00sNaPpY' + packed),
            ('a length and nothing', varint(1000)), ('a bomb that says so', varint(1 << 40) + packed[1:]), ('a small body that claims 60 MB', varint(60 << 20) + packed[1:]),
            ('a copy before the beginning', varint(64) + bytes([63 << 2 | 2, 1, 0])), ('a packing of rubbish', snappy(bytes(rnd.randrange(256) for _ in range(500))))):
        s, _, said = c.write(body, pack=bytes)
        check(f'{what} is refused', s in (400, 413) and len(said) > 20, (s, said))
    for i in range(1, len(packed)):
        s, _, said = c.write(packed[:i], pack=bytes)
        check(f'torn after {i} bytes', s == 400, (s, said))
    for i in range(2, len(one)):
        s, _, said = c.write(one[:i])
        check(f'torn after {i} bytes, then packed', s == 400, (s, said))
    for i in range(300):
        b = bytearray(one)
        for _ in range(rnd.randrange(1, 4)):
            b[rnd.randrange(len(b))] = rnd.randrange(256)
        s, _, said = c.write(bytes(b))
        check(f'changed bytes {i}', s in (204, 400), (s, said))
    big = b'\x00' * (70 << 20)
    # Zeros by copies: 3 bytes stand for 64.
    s, _, said = c.write(big, pack=lambda d: varint(len(d)) + b'\x00\x00' + bytes([63 << 2 | 2, 1, 0]) * ((len(d) - 1) // 64) + bytes([62 << 2 | 2, 1, 0]))
    check('70 MB in 3 MB are refused as too large', s == 413, (s, said))
    s, _, said = c.write(b'x' * (33 << 20), pack=bytes)
    check('a body over the limit is 413', s == 413, (s, said))
    labels = [('__name__', 'rw_many'), ('a', 'b')]
    many = [(NOW * 1000 - i, i) for i in range(50000, 0, -1)]
    s, h, said = c.write(series_1(labels, many))
    check('50,000 samples of one series are taken', s == 204 and h['X-Prometheus-Remote-Write-Samples-Written'] == '50000', (s, said))
    found = c.prom('query', query='count_over_time(rw_many[1h])', time=NOW)
    check('and are all there', found['data']['result'][0]['value'][1] == '50000', found)


# ---------------------------------------------------------------- Debian's prometheus

def real(heming, folder):
    c = City(heming, folder, None)
    port = free_port()
    config = Path(folder, 'prometheus.yml')
    targets = Path(folder, 'targets.json')
    targets.write_text(json.dumps([{'targets': [f'127.0.0.1:{c.port}']}]))
    config.write_text(f'''global: {{scrape_interval: 1s}}
remote_write:
- url: http://127.0.0.1:{c.port}/api/v1/write
  authorization: {{type: Token, credentials: "{c.device[0]}:{c.device[1]}"}}
  metadata_config: {{send_interval: 1s}}
scrape_configs:
- job_name: heming
  authorization: {{credentials: "{c.token}"}}
  file_sd_configs: [{{files: ["{targets}"], refresh_interval: 1s}}]
''')
    p = subprocess.Popen(['prometheus', f'--config.file={config}', f'--storage.tsdb.path={folder}/prom', f'--web.listen-address=127.0.0.1:{port}'],
                         stdout=subprocess.DEVNULL, stderr=open(f'{folder}/prometheus.log', 'w'))

    def prom(query):
        conn = http.client.HTTPConnection('127.0.0.1', port, timeout=20)
        try:
            conn.request('GET', '/api/v1/query?' + urllib.parse.urlencode({'query': query}))
            return json.loads(conn.getresponse().read())['data']['result']
        except (OSError, KeyError, ValueError):
            return []

    def ours(query):
        return c.prom('query', query=query)['data']['result']

    def raw(ask):
        return {json.dumps({k: v for k, v in x['metric'].items()}, sort_keys=True): x['values'] for x in ask('{job="heming"}[10m]')}

    def wait(what, ready):
        began = time.monotonic()
        while not ready():
            if p.poll() is not None or time.monotonic() - began > 60:
                check(what, False, Path(folder, 'prometheus.log').read_text()[-600:])
                return False
            time.sleep(0.2)
        check(what, True)
        return True

    try:
        if not wait('prometheus writes what it scrapes', lambda: any(float(x['value'][1]) >= 5 for x in ours('count_over_time(up{job="heming"}[10m])'))):
            return
        targets.write_text('[]')
        wait('a target that goes away is stale at once', lambda: not ours('up{job="heming"}'))
        wait('all it wrote has come', lambda: raw(prom) == raw(ours) and len(raw(ours)) > 50)
        check('the metadata came', c.metadata().get('up') is None and c.metadata().get('heming_series', [{}])[0].get('type') == 'gauge', c.metadata().get('heming_series'))
        failed = prom('prometheus_remote_storage_samples_failed_total')
        check('prometheus counts nothing as failed', all(x['value'][1] == '0' for x in failed), failed)
        print(f'# prometheus wrote {sum(len(v) for v in raw(ours).values())} samples of {len(raw(ours))} series')
    finally:
        p.terminate()
        p.wait(20)
        c.stop()


def main():
    heming = os.environ.get('HEMING')
    if not heming:
        sys.exit('remote_write: HEMING names the program')
    with tempfile.TemporaryDirectory(prefix='heming-write-') as folder:
        c = City(heming, folder, 'manual:2026-07-14T00:00:00Z')
        try:
            for part in (good, again, special, partial, metadata, second, door, broken):
                part(c)
            check('the program is still there', c.p.poll() is None)
        finally:
            c.stop()
    if shutil.which('prometheus'):
        with tempfile.TemporaryDirectory(prefix='heming-write-') as folder:
            real(heming, folder)
    else:
        print('# prometheus is not installed: its half is left out')
    print(f"{'not ok' if failures else 'ok'} 1 - {checks} checks, {len(failures)} failed")
    print('1..1')
    sys.exit(1 if failures else 0)


if __name__ == '__main__':
    main()
