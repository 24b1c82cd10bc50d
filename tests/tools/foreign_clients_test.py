"""Readings sent by programs of others: Debian's client library and shell of InfluxDB, and mosquitto_pub as a device made for
ThingsBoard. Each is told what it expects, and what it sent can be asked for."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
HEMING = Path(os.environ.get('HEMING_BUILD', TOP / 'build' / 'dev')) / 'src' / 'cli' / 'heming'
PYTHON = '/usr/bin/python3'  # the one that Debian's packages are for
LIBRARY = subprocess.run([PYTHON, '-c', 'import influxdb'], capture_output=True, check=False).returncode == 0

WRITE = '''
import sys
from influxdb import InfluxDBClient
from influxdb.exceptions import InfluxDBClientError
c = InfluxDBClient('127.0.0.1', int(sys.argv[1]), 'gw', sys.argv[2], 'telegraf')
assert c.ping()
c.create_database('telegraf')
assert {'name': 'heming'} in c.get_list_database()
tags = {'thing': 'T-1', 'room': 'a,b=c d'}
assert c.write_points([{'measurement': 'cpu', 'tags': tags,
                        'fields': {'load': 1.5, 'n': 3, 'on': True, 'mode': 'say "hi" x'}}], time_precision='ms')
try:
    c.write_points([{'measurement': '9', 'fields': {'x': 1}}, {'measurement': 'good', 'fields': {'x': 2}}])
    raise SystemExit('nothing was told')
except InfluxDBClientError as e:
    assert e.code == 400 and 'partial write: 1 readings stored, 1 refused' in str(e), e
'''


class ForeignClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.site = str(Path(cls.folder.name) / 'site')
        said = cls.heming('init', '--pack', str(TOP / 'packs' / 'beijing-air'))
        cls.password = re.search(r'password: (\S+)', said).group(1)
        ready = Path(cls.folder.name) / 'ready'
        cls.server = subprocess.Popen([HEMING, 'serve', '--site', cls.site, '--port', '0', '--mqtt-port', '0', '--ready-file',
                                       str(ready), '--log', str(Path(cls.folder.name) / 'log')], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while not ready.exists():
            if time.monotonic() > until or cls.server.poll() is not None:
                raise RuntimeError('heming does not come up')
            time.sleep(0.05)
        ports = dict(line.split() for line in ready.read_text().splitlines())
        cls.http, cls.mqtt = ports['http'], ports['mqtt']
        cls.gw = cls.device('gw')
        cls.token = cls.call('/api/v1/session', {'login': 'admin', 'password': cls.password})['token']

    @classmethod
    def tearDownClass(cls):
        cls.server.send_signal(signal.SIGTERM)
        cls.server.wait(60)
        cls.folder.cleanup()

    @classmethod
    def heming(cls, *words):
        return subprocess.run([HEMING, *words, '--site', cls.site], check=True, capture_output=True, text=True).stdout

    @classmethod
    def device(cls, name, *words):
        return re.search(r'secret ([0-9a-f]{64})', cls.heming('device', 'add', name, *words)).group(1)

    @classmethod
    def call(cls, path, body=None, token=None):
        head = {'Content-Type': 'application/json'} | ({'Authorization': f'Bearer {token}'} if token else {})
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(urllib.request.Request(f'http://127.0.0.1:{cls.http}{path}', data, head)) as r:
            return json.load(r)

    def ask(self, query):
        data = self.call('/prometheus/api/v1/query?' + urllib.parse.urlencode({'query': query}), token=self.token)
        return [(x['metric'], float(x['value'][1])) for x in data['data']['result']]

    @unittest.skipUnless(LIBRARY, 'python3-influxdb is not here')
    def test_library_of_influxdb(self):
        done = subprocess.run([PYTHON, '-c', WRITE, self.http, self.gw], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.ask('cpu_load')[0][0]['room'], 'a,b=c d')
        self.assertEqual(self.ask('cpu_n')[0][1], 3)
        self.assertEqual(self.ask('cpu_on')[0][1], 1)
        self.assertEqual(self.ask('cpu_mode == 1')[0][0]['state'], 'say "hi" x')
        self.assertEqual(self.ask('good_x')[0][1], 2)

    @unittest.skipUnless(shutil.which('influx'), 'influxdb-client is not here')
    def test_shell_of_influxdb(self):
        def shell(statement):
            done = subprocess.run(['influx', '-host', '127.0.0.1', '-port', self.http, '-username', 'gw', '-password', self.gw,
                                   '-database', 'any', '-execute', statement], capture_output=True, text=True, check=False)
            return done.stdout + done.stderr

        self.assertIn('heming', shell('SHOW DATABASES'))
        self.assertEqual(shell('INSERT shell,thing=T-2 value=7'), '')
        self.assertIn('not a number', shell('INSERT shell,thing=T-2 value=seven'))
        self.assertIn('PromQL', shell('SELECT * FROM shell'))
        self.assertEqual(self.ask('shell{thing="T-2"}')[0][1], 7)

    def test_device_of_thingsboard(self):
        token = f"T-3:{self.device('T-3')}"

        def publish(message, user):
            return subprocess.run(['mosquitto_pub', '-h', '127.0.0.1', '-p', self.mqtt, '-q', '1', '-u', user, '-t',
                                   'v1/devices/me/telemetry', '-m', message], capture_output=True, check=False).returncode

        self.assertEqual(publish('{"temperature": 25, "mode": "auto"}', token), 0)
        self.assertNotEqual(publish('{"temperature": 26}', 'T-3:guess'), 0)
        self.assertEqual(self.ask('temperature{thing="T-3"}')[0][1], 25)
        self.assertEqual(self.ask('mode{thing="T-3"} == 1')[0][0]['state'], 'auto')


if __name__ == '__main__':
    unittest.main()
