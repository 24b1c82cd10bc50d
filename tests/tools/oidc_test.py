"""Signing in at a provider (OpenID Connect), end to end: a small provider signs with the openssl command, a served site
verifies. Each way to cheat is one test."""
import base64
import hashlib
import http.client
import http.server
import json
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
HEMING = Path(os.environ.get('HEMING_BUILD', TOP / 'build' / 'dev')) / 'src' / 'cli' / 'heming'
CLIENT, SECRET = 'heming-test', 'kept between the two'


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def openssl(*args, **more):
    return subprocess.run(['openssl', *args], check=True, capture_output=True, **more).stdout


class Key:
    """A signing key: ES256 or RS256."""

    def __init__(self, folder, alg, kid):
        self.alg, self.kid, self.file = alg, kid, str(Path(folder) / f'{kid}-{secrets.token_hex(4)}.pem')
        if alg == 'ES256':
            openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', self.file)
            point = openssl('ec', '-in', self.file, '-pubout', '-outform', 'DER')[-64:]
            self.jwk = {'kty': 'EC', 'crv': 'P-256', 'x': b64(point[:32]), 'y': b64(point[32:])}
        else:
            openssl('genrsa', '-out', self.file, '2048')
            n = openssl('rsa', '-in', self.file, '-noout', '-modulus').decode().strip().split('=')[1]
            self.jwk = {'kty': 'RSA', 'n': b64(bytes.fromhex(n)), 'e': 'AQAB'}
        self.jwk |= {'kid': kid, 'alg': alg, 'use': 'sig'}

    def sign(self, claims, alg=None):
        head = {'alg': alg or self.alg, 'kid': self.kid, 'typ': 'JWT'}
        text = '.'.join(b64(json.dumps(x).encode()) for x in (head, claims))
        sig = openssl('dgst', '-sha256', '-sign', self.file, input=text.encode())
        if self.alg == 'ES256':  # DER: SEQUENCE of two INTEGERs
            r_len = sig[3]
            r, s = sig[4:4 + r_len], sig[6 + r_len:]
            sig = r[-32:].rjust(32, b'\0') + s[-32:].rjust(32, b'\0')
        return f'{text}.{b64(sig)}'


class Provider(http.server.ThreadingHTTPServer):
    """Says of itself where it is, gives codes, and tokens for them once."""

    def __init__(self, folder):
        super().__init__(('127.0.0.1', 0), Asked)
        self.issuer = f'http://127.0.0.1:{self.server_port}'
        self.keys = {alg: Key(folder, alg, alg.lower()) for alg in ('ES256', 'RS256')}
        self.codes = {}
        self.alg = 'ES256'
        self.calls_itself = self.issuer
        self.bend = lambda claims: claims        # what this provider does wrong
        self.make = lambda claims: self.keys[self.alg].sign(claims)
        self.pad = ''

    def code(self, query, login):
        """As if the person had signed in here."""
        code = secrets.token_hex(8)
        self.codes[code] = (query, login)
        return code


class Asked(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        p = self.server
        if self.path == '/.well-known/openid-configuration':
            self.answer(200, {'issuer': p.calls_itself, 'authorization_endpoint': f'{p.issuer}/authorize?tenant=1',
                              'token_endpoint': f'{p.issuer}/token', 'jwks_uri': f'{p.issuer}/keys'})
        elif self.path == '/keys':
            self.answer(200, {'keys': [k.jwk for k in p.keys.values()]})
        else:
            self.answer(404, {})

    def do_POST(self):
        p = self.server
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers['Content-Length'])).decode()))
        basic = 'Basic ' + base64.b64encode(f'{CLIENT}:{SECRET}'.encode()).decode()
        query, login = p.codes.pop(form.get('code'), ({}, None))
        challenge = b64(hashlib.sha256(form.get('code_verifier', '').encode()).digest())
        if (self.headers.get('Authorization') != basic or login is None or challenge != query['code_challenge']
                or form.get('redirect_uri') != query['redirect_uri'] or form.get('grant_type') != 'authorization_code'):
            self.answer(400, {'error': 'invalid_grant'})
            return
        now = int(time.time())
        claims = {'iss': p.issuer, 'aud': CLIENT, 'sub': '4711', 'preferred_username': login, 'nonce': query['nonce'],
                  'iat': now, 'exp': now + 300}
        self.answer(200, {'id_token': p.make(p.bend(claims)), 'token_type': 'Bearer', 'pad': p.pad})


class OidcTest(unittest.TestCase):
    tests = 0

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.site = f'{cls.folder.name}/site'
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            cls.port = s.getsockname()[1]
        cls.url = f'http://127.0.0.1:{cls.port}'
        cls.provider = Provider(cls.folder.name)
        threading.Thread(target=cls.provider.serve_forever, daemon=True).start()
        secret = Path(cls.folder.name) / 'secret'
        secret.write_text(SECRET + '\n')
        subprocess.run([HEMING, 'init', '--site', cls.site], check=True, stdout=subprocess.DEVNULL)
        for login in ('lijing', 'gone'):
            subprocess.run([HEMING, 'account', 'add', login, '--site', cls.site], check=True, stdout=subprocess.DEVNULL,
                           stdin=subprocess.DEVNULL)
        subprocess.run([HEMING, 'account', 'change', 'gone', '--disabled', 'yes', '--site', cls.site], check=True,
                       stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        ready = Path(cls.folder.name) / 'ready'
        cls.log = open(Path(cls.folder.name) / 'log', 'wb')
        cls.served = subprocess.Popen(
            [HEMING, 'serve', '--site', cls.site, '--port', str(cls.port), '--mqtt-address', 'off', '--ready-file', ready,
             '--oidc-issuer', cls.provider.issuer, '--oidc-client-id', CLIENT, '--oidc-client-secret', secret,
             '--oidc-url', cls.url], stdout=subprocess.DEVNULL, stderr=cls.log)
        for _ in range(1000):
            if ready.exists():
                break
            time.sleep(0.02)

    @classmethod
    def tearDownClass(cls):
        cls.served.send_signal(signal.SIGTERM)
        code = cls.served.wait(20)
        cls.provider.shutdown()
        cls.provider.server_close()
        cls.log.close()
        cls.folder.cleanup()
        if code != 0:
            raise AssertionError(f'heming serve ended with {code}')

    def setUp(self):
        p = self.provider
        OidcTest.tests += 1
        self.here = f'127.0.0.{1 + self.tests}'  # one address may try 30 times
        p.alg, p.pad = 'ES256', ''
        p.bend = lambda claims: claims
        p.make = lambda claims: p.keys[p.alg].sign(claims)

    def get(self, path, cookie=''):
        """(status, headers, body) without following anything."""
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=20, source_address=(self.here, 0))
        c.request('GET', path, headers={'Cookie': cookie} if cookie else {})
        a = c.getresponse()
        body = a.read().decode()
        c.close()
        return a.status, a.headers, body

    def start(self):
        """(what the provider is told, cookie)"""
        status, headers, _ = self.get('/api/v1/oidc/start')
        self.assertEqual(status, 302)
        where = urllib.parse.urlparse(headers['Location'])
        self.assertEqual(f'{where.scheme}://{where.netloc}{where.path}', f'{self.provider.issuer}/authorize')
        self.assertIn('HttpOnly; SameSite=Lax', headers['Set-Cookie'])
        return dict(urllib.parse.parse_qsl(where.query)), headers['Set-Cookie'].split(';')[0]

    def come_back(self, login='lijing', **change):
        query, cookie = self.start()
        code = self.provider.code(query, login)
        answer = {'state': query['state'], 'code': code} | change
        return self.get('/api/v1/oidc/callback?' + urllib.parse.urlencode(answer), cookie)

    def refused(self, answer, words):
        status, headers, body = answer
        self.assertIn(status, (401, 413, 503), body)
        self.assertIn(words, json.loads(body)['detail'])
        self.assertNotIn('heming_session=', headers.get('Set-Cookie', ''))

    def test_signs_in_with_both_algorithms(self):
        for alg in ('ES256', 'RS256'):
            self.provider.alg = alg
            status, headers, body = self.come_back()
            self.assertEqual(status, 302, body)
            self.assertEqual(headers['Location'], self.url + '/')
            cookie = [v for v in headers.get_all('Set-Cookie') if v.startswith('heming_session=')][0].split(';')[0]
            status, _, body = self.get('/api/v1/session', cookie)
            self.assertEqual(status, 200)
            account = json.loads(body)['account']
            # The password that was made must be changed, but nobody has used it.
            self.assertEqual((account['login'], account['must']), ('lijing', ''))

    def test_tells_that_there_is_a_provider(self):
        self.assertEqual(json.loads(self.get('/api/v1/oidc')[2]), {'on': True})

    def test_asks_with_pkce(self):
        query, _ = self.start()
        self.assertEqual((query['response_type'], query['code_challenge_method'], query['client_id'], query['tenant']),
                         ('code', 'S256', CLIENT, '1'))
        self.assertEqual(query['redirect_uri'], f'{self.url}/api/v1/oidc/callback')

    def test_refuses_a_forged_signature(self):
        forger = Key(self.folder.name, 'ES256', 'es256')
        self.provider.make = forger.sign
        self.refused(self.come_back(), 'signature')

    def test_refuses_a_key_that_is_not_told(self):
        self.provider.make = Key(self.folder.name, 'ES256', 'other').sign
        self.refused(self.come_back(), 'key')

    def test_refuses_no_signature_at_all(self):
        self.provider.make = lambda claims: '.'.join(
            [b64(b'{"alg":"none"}'), b64(json.dumps(claims).encode()), ''])
        self.refused(self.come_back(), 'RS256 and ES256')

    def test_refuses_another_nonce(self):
        self.provider.bend = lambda c: c | {'nonce': '0' * 32}
        self.refused(self.come_back(), 'another sign-in')

    def test_refuses_an_expired_token(self):
        self.provider.bend = lambda c: c | {'iat': c['iat'] - 900, 'exp': c['iat'] - 600}
        self.refused(self.come_back(), 'expired')

    def test_refuses_a_token_of_the_future(self):
        self.provider.bend = lambda c: c | {'iat': c['iat'] + 600}
        self.refused(self.come_back(), 'future')

    def test_refuses_a_token_for_others(self):
        self.provider.bend = lambda c: c | {'aud': 'somebody'}
        self.refused(self.come_back(), 'somebody else')
        self.provider.bend = lambda c: c | {'aud': [CLIENT, 'somebody']}
        self.refused(self.come_back(), 'somebody else')
        self.provider.bend = lambda c: c | {'aud': [CLIENT, 'somebody'], 'azp': CLIENT}
        self.assertEqual(self.come_back()[0], 302)

    def test_refuses_another_issuer(self):
        self.provider.bend = lambda c: c | {'iss': 'https://elsewhere.example'}
        self.refused(self.come_back(), 'another issuer')

    def test_refuses_a_code_that_was_used(self):
        query, cookie = self.start()
        code = self.provider.code(query, 'lijing')
        path = '/api/v1/oidc/callback?' + urllib.parse.urlencode({'state': query['state'], 'code': code})
        self.assertEqual(self.get(path, cookie)[0], 302)
        self.refused(self.get(path, cookie), 'over')
        query, cookie = self.start()  # a new try with the old code
        path = '/api/v1/oidc/callback?' + urllib.parse.urlencode({'state': query['state'], 'code': code})
        self.refused(self.get(path, cookie), 'provider answers 400')

    def test_refuses_another_browser(self):
        query, _ = self.start()
        code = self.provider.code(query, 'lijing')
        path = '/api/v1/oidc/callback?' + urllib.parse.urlencode({'state': query['state'], 'code': code})
        self.refused(self.get(path), 'did not begin here')
        self.refused(self.get(path, 'heming_oidc=00'), 'did not begin here')
        self.refused(self.come_back(state='00'), 'did not begin here')

    def test_refuses_who_has_no_account(self):
        for login in ('nobody', 'gone', ''):
            self.refused(self.come_back(login), 'ask an administrator')

    def test_tells_that_the_provider_said_no(self):
        query, cookie = self.start()
        path = '/api/v1/oidc/callback?' + urllib.parse.urlencode({'state': query['state'], 'error': 'access_denied'})
        self.refused(self.get(path, cookie), 'access_denied')

    def test_takes_no_endless_answer(self):
        self.provider.pad = 'x' * (2 << 20)
        self.refused(self.come_back(), 'longer')


if __name__ == '__main__':
    unittest.main()
