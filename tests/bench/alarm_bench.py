#!/usr/bin/env python3
"""alarm_bench [ROUNDS] - from a device's PUBLISH to the news in a browser, through the real program.

A demo city is made in a temporary folder and served. One sensor after the other reports a leak by MQTT at QoS 1; a
signed-in client holds the live stream open, as a page does. Printed are the times from sending the packet to the
PUBACK, to the alarm on the stream and to the opened case on the stream. Every one of them lies behind a sync
of the disk, whose own time stands beside them. HEMING names the program.
"""
import http.client
import json
import os
import queue
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def fsync_ms(folder):
    took = []
    with open(Path(folder) / 'sync', 'wb') as f:
        for _ in range(200):
            f.write(b'x' * 4096)
            f.flush()
            began = time.perf_counter()
            os.fdatasync(f.fileno())
            took.append((time.perf_counter() - began) * 1e3)
    return took


def text(s):
    return struct.pack('>H', len(s)) + s.encode()


def packet(kind, body):
    n, length = len(body), b''
    while True:
        length += bytes([n % 128 | (0x80 if n > 127 else 0)])
        n //= 128
        if n == 0:
            return bytes([kind]) + length + body


def exactly(sock, n):
    got = b''
    while len(got) < n:
        more = sock.recv(n - len(got))
        if not more:
            sys.exit('alarm_bench: the server closed the connection')
        got += more
    return got


def listen(port, token, news):
    c = http.client.HTTPConnection('127.0.0.1', port)
    c.request('GET', '/api/v1/events', headers={'Authorization': f'Bearer {token}', 'Accept': 'text/event-stream'})
    answer = c.getresponse()
    if answer.status != 200:
        news.put((0, 'failed', str(answer.status)))
        return
    news.put((0, 'open', ''))
    for line in answer:
        if line.startswith(b'data:'):
            now = time.perf_counter()
            try:
                event = json.loads(line[5:])
            except ValueError:
                continue
            news.put((now, event.get('kind', ''), line.decode()))


def percentiles(name, ms):
    ms = sorted(ms)
    print(f'{name:<32}{statistics.median(ms):8.2f} ms median {ms[int(len(ms) * 0.95)]:8.2f} ms p95 {ms[-1]:8.2f} ms most')


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    heming = os.environ.get('HEMING')
    if not heming or not 1 <= rounds <= 200:
        sys.exit('alarm_bench [ROUNDS, at most 200], and HEMING names the program')
    with tempfile.TemporaryDirectory(prefix='heming-alarm-') as folder:
        site, ready = f'{folder}/site', f'{folder}/ready'
        subprocess.run([heming, 'init', '--site', site, '--pack', str(TOP / 'packs/yancheng'), '--demo'], check=True, stdout=subprocess.DEVNULL)
        words = [line.split() for line in Path(site, 'demo-login').read_text().splitlines() if line.strip()]
        device = next(w for w in words if w[0] == 'device')
        password = next(w[1] for w in words if w[0] == 'duty')
        server = subprocess.Popen([heming, 'serve', '--site', site, '--port', '0', '--mqtt-port', '0', '--ready-file', ready, '--log', f'{folder}/log'], stdout=subprocess.DEVNULL)
        try:
            began = time.monotonic()
            while not os.path.exists(ready):
                if server.poll() is not None or time.monotonic() - began > 20:
                    sys.exit('alarm_bench: the server did not become ready')
                time.sleep(0.01)
            doors = dict(line.split() for line in Path(ready).read_text().splitlines())
            c = http.client.HTTPConnection('127.0.0.1', int(doors['http']))
            c.request('POST', '/api/v1/session', json.dumps({'login': 'duty', 'password': password}), {'Content-Type': 'application/json'})
            token = json.loads(c.getresponse().read())['token']
            news = queue.Queue()
            threading.Thread(target=listen, args=(int(doors['http']), token, news), daemon=True).start()
            if news.get(timeout=10)[1] != 'open':
                sys.exit('alarm_bench: the stream did not open')
            s = socket.create_connection(('127.0.0.1', int(doors['mqtt'])))
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            s.sendall(packet(0x10, text('MQTT') + b'\x04\xc2' + struct.pack('>H', 60) + text('alarm-bench') + text(device[1]) + text(device[2])))
            if exactly(s, 4)[3] != 0:
                sys.exit('alarm_bench: the server refused the device')
            ack, alarm, case = [], [], []
            for i in range(1, rounds + 1):
                thing = f'YC-GAS-{i:04d}'
                sent = time.perf_counter()
                s.sendall(packet(0x32, text(f't/{thing}') + struct.pack('>H', i) + b'{"ch4_lel": 33}'))
                exactly(s, 4)
                ack.append((time.perf_counter() - sent) * 1e3)
                seen = set()
                while seen != {'alarm', 'case'}:
                    at, kind, line = news.get(timeout=10)
                    if kind == 'alarm.firing' and thing in line:
                        alarm.append((at - sent) * 1e3)
                        seen.add('alarm')
                    elif kind == 'case.opened' and 'case' not in seen:
                        case.append((at - sent) * 1e3)
                        seen.add('case')
            percentiles('sync of the disk (4 KiB)', fsync_ms(folder))
            percentiles('PUBLISH to PUBACK', ack)
            percentiles('PUBLISH to alarm on the stream', alarm)
            percentiles('PUBLISH to case on the stream', case)
        finally:
            server.terminate()
            server.wait(10)


if __name__ == '__main__':
    main()
