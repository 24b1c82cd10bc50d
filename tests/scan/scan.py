#!/usr/bin/env python3
"""scan - a scanner of web applications (wapiti) looks for holes in a running site.

    HEMING=build/dev/src/cli/heming tests/scan/scan.py

Serves a demo site over TLS from a temporary folder and lets wapiti attack every parameter of every address that is
read, signed in as an administrator, and the pages. Output is TAP. What it finds and what stands in ALLOWED is told as
a remark; anything else fails. So does a 5xx, and a server that is not well at the end.
"""
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
LIMIT_S = 120
MODULES = 'cookieflags,crlf,csp,exec,file,http_headers,redirect,sql,xss,xxe'

# (kind of finding, expression for its words): why it is none.
ALLOWED = {
    ('HTTP Secure Headers', 'X-XSS-Protection is not set'):
        'the filter was taken out of all browsers, because it made holes itself; the content policy is the answer',
}

# What a parameter may be, so that the handler gets as far as it can; others get "a".
VALUES = {'id': '1', 'code': 'YC-GAS-0001', 'name': 'thing', 'region': '3209', 'kind': 'gas', 'unit': '320902', 'state': 'open',
          'query': 'up', 'match[]': 'ch4_lel', 'time': '1783987200', 'start': '1783987200', 'end': '1783987260', 'step': '30',
          'timeout': '5s', 'lookback_delta': '5m', 'by': 'day', 'type': 'alert', 'subject': 'case', 'cursor': '1.1'}
OF_TYPE = {'integer': '1', 'boolean': '1'}
NEVER_ENDS = {'/api/v1/events'}


def value(p):
    kind = p['schema'].get('type')
    return OF_TYPE.get(kind) or ('2026-07-14' if p['schema'].get('format') == 'date' else VALUES.get(p['name'], 'a'))


def addresses(doc, base):
    """Every address that is read, each with all its parameters."""
    for path, item in doc['paths'].items():
        if 'get' not in item or path in NEVER_ENDS:
            continue
        query = []
        for p in item['get'].get('parameters', []):
            if p['in'] == 'path':
                path = path.replace('{%s}' % p['name'], value(p))
            elif p['in'] == 'query':
                query.append((p['name'], value(p)))
        yield base + path + ('?' + urllib.parse.urlencode(query) if query else '')


class City:
    def __init__(self, folder, heming):
        self.folder, self.site = folder, folder / 'site'
        cert, key, ready = folder / 'cert.pem', folder / 'key.pem', folder / 'ready'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                        '-subj', '/CN=heming', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
                       check=True, capture_output=True)
        subprocess.run([heming, 'init', '--site', self.site, '--pack', TOP / 'packs/yancheng', '--demo'],
                       check=True, stdout=subprocess.DEVNULL)
        self.server = subprocess.Popen(
            [heming, 'serve', '--site', self.site, '--port', '0', '--mqtt-port', '0', '--cert', cert, '--key', key,
             '--rate', '0', '--log', folder / 'log', '--ready-file', ready], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while not ready.exists() and self.server.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        if not ready.exists():
            raise RuntimeError('heming serve did not become ready')
        self.url = 'https://127.0.0.1:' + re.search(r'^http (\d+)', ready.read_text(), re.M)[1]
        self.tls = ssl.create_default_context(cafile=cert)

    def ask(self, path, body=None, token=None):
        r = urllib.request.Request(self.url + path, data=json.dumps(body).encode() if body else None)
        if body:
            r.add_header('Content-Type', 'application/json')
        if token:
            r.add_header('Authorization', f'Bearer {token}')
        with urllib.request.urlopen(r, context=self.tls, timeout=20) as a:
            return a.read().decode()

    def sign_in(self, login):
        logins = dict(line.split() for line in (self.site / 'demo-login').read_text().splitlines() if len(line.split()) == 2)
        return json.loads(self.ask('/api/v1/session', {'login': login, 'password': logins[login]}))['token']

    def close(self):
        self.server.terminate()
        return self.server.wait(30)


def scan(city, token):
    doc = json.loads(city.ask('/api/openapi.json'))
    report = city.folder / 'report.json'
    cmd = ['wapiti', '-u', city.url + '/', '--scope', 'domain', '--flush-session', '--store-session', city.folder / 'session',
           '--verify-ssl', '0', '--no-bugreport', '-H', f'Authorization: Bearer {token}', '-m', MODULES,
           '--max-scan-time', str(LIMIT_S), '-f', 'json', '-o', report]
    urls = list(addresses(doc, city.url))
    for u in urls:
        cmd += ['-s', u]
    subprocess.run(cmd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=LIMIT_S + 60,
                   env={**os.environ, 'HOME': str(city.folder)})
    found = json.loads(report.read_text())
    return urls, [(kind, x['info'], x['path']) for part in ('vulnerabilities', 'anomalies') for kind, list_ in found[part].items()
                  for x in list_]


def main():
    heming, results = os.environ.get('HEMING'), []

    if not heming or not shutil.which('wapiti'):
        print('1..0 # SKIP ' + ('wapiti is not installed' if heming else 'HEMING does not name the program'))
        return 77
    with tempfile.TemporaryDirectory(prefix='heming-scan-') as name:
        city = City(Path(name), heming)
        try:
            urls, found = scan(city, city.sign_in('admin'))
            healthy = json.loads(city.ask('/healthz'))['status'] == 'ok'
            metrics = city.ask('/metrics')
        finally:
            code = city.close()
        log = (Path(name) / 'log').read_text()
    asked = log.count(' HTTP_REQUEST ')
    failures = re.findall(r'HTTP_REQUEST .*path=(\S+) status=(5\d\d)', log)
    for kind, words, path in found:
        why = next((w for (k, e), w in ALLOWED.items() if k == kind and re.search(e, words)), None)
        if why:
            print(f'# allowed: {kind}: {words}: {why}')
        else:
            print(f'# {kind}: {words} ({path})')
            results.append(kind)
    checks = [(not results, 'the scanner finds nothing'),
              (not failures, ': '.join(['no request makes the server fail', *(f'{p} {s}' for p, s in failures[:5])])),
              (asked > 1000, f'it asked {asked} times, at {len(urls)} addresses'),
              (healthy and 'class="2xx"' in metrics and code == 0, 'the server is well at the end, and stops in order')]
    print(f'1..{len(checks)}')
    for i, (ok, words) in enumerate(checks, 1):
        print(f'{"ok" if ok else "not ok"} {i} - {words}')
    return 0 if all(ok for ok, _ in checks) else 1


if __name__ == '__main__':
    sys.exit(main())
