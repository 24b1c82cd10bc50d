#!/usr/bin/env python3
"""soak [MINUTES [READINGS]] - whether a server that works for long stays as it is. An hour, unless told otherwise.

One Heming on loopback takes READINGS (10,000) a second by line protocol from 4,000 series, twenty of which leave
every minute for new ones; some come late. It is asked five questions a second meanwhile. Every few seconds its memory,
open files, threads and the bytes of its folder are looked at. What it has in the last quarter is compared with the
second one: memory, files, threads and everything but the readings themselves may not have grown, logs stay under their
bound, and readings cost no more bytes than they should. Memory is compared in runs of half an hour or more: before that
heads and the cache of decoded points fill. At the end the server is started again and has to have every series.
Exit code 1 and a line for each thing that grew. HEMING names the program.
"""
import http.client
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from series_bench import Heming, folder_bytes  # noqa: E402

SERIES = 4000
CHURN = 20  # series a minute
WARM = 30  # minutes; shorter runs say nothing of memory
LOG_MOST = 192 << 20
MIB = 1 << 20


class Writer(threading.Thread):
    """A post a second with what is due; a twentieth of the readings is two minutes late."""

    def __init__(self, city, rate):
        super().__init__(daemon=True)
        self.city, self.rate, self.stop, self.sent, self.failed, self.next = city, rate, threading.Event(), 0, [], SERIES
        self.value = {i: 2000 for i in range(SERIES)}

    def post(self, c, rng, at):
        lines, things = [], list(self.value)
        for k in range(self.rate):
            i = things[(self.sent + k) % len(things)]
            self.value[i] += rng.choice((-2, -1, 0, 0, 1, 2))
            late = 120000 if k % 20 == 0 else 0
            lines.append(f'soak,thing=S{i:07d} value={self.value[i] // 100}.{self.value[i] % 100:02d} '
                         f'{at + k * 1000 // self.rate - late}\n')
        self.city.post(c, ''.join(lines).encode())
        self.sent += self.rate

    def run(self):
        rng, c, began, rounds = random.Random(1), self.city.connect(), time.time(), 0
        while not self.stop.is_set():
            try:
                self.post(c, rng, int(began * 1000) + rounds * 1000)
            except (OSError, ValueError, http.client.HTTPException) as e:
                self.failed.append(str(e))
                c = self.city.connect()
            rounds += 1
            if rounds % 60 == 0:
                for i in list(self.value)[:CHURN]:
                    del self.value[i]
                    self.value[self.next] = 2000
                    self.next += 1
            self.stop.wait(max(0, began + rounds - time.time()))


class Asker(threading.Thread):
    def __init__(self, city):
        super().__init__(daemon=True)
        self.city, self.stop, self.took = city, threading.Event(), []

    def run(self):
        questions = ('soak', 'topk(10, soak)', 'avg(avg_over_time(soak[1m]))', 'count(soak)', 'max_over_time(soak[1m])')
        i = 0
        while not self.stop.wait(0.2):
            self.took.append(self.city.query('query', query=questions[i % len(questions)], time=time.time())[0])
            i += 1


def look(city, writer):
    series = Path(city.site, 'series')
    pid = city.process.pid
    size = lambda what: sum(f.stat().st_size for f in series.glob(what))
    return {'memory': int(Path(f'/proc/{pid}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE'),
            'files': len(os.listdir(f'/proc/{pid}/fd')), 'threads': len(os.listdir(f'/proc/{pid}/task')),
            'log': size('log-*'), 'heads': size('heads-*'), 'blocks': size('blocks-*'),
            'rest': folder_bytes(city.site) - folder_bytes(series), 'sent': writer.sent}


def verdict(seen, city, writer, minutes):
    q = len(seen) // 4
    early, late = seen[q:2 * q], seen[-q:]
    top = lambda rows, what: max(r[what] for r in rows)
    memory = (('memory', 16 * MIB),) if minutes >= WARM else ()
    for what, room in memory + (('files', 4), ('threads', 2), ('heads', 8 * MIB), ('rest', 4 * MIB)):
        a, b = top(early, what), top(late, what)
        if b > a * 1.1 + room:
            yield f'{what} grew from {a:,} to {b:,}'
    if top(seen, 'log') > LOG_MOST:
        yield f'the logs had {top(seen, "log"):,} bytes'
    # By the end nearly all readings are in block files, but for half-full heads.
    if seen[-1]['blocks'] > 6 * seen[-1]['sent'] + 64 * MIB:
        yield f'{seen[-1]["blocks"]:,} bytes of block files for {seen[-1]["sent"]:,} readings'
    if writer.failed:
        yield f'{len(writer.failed)} posts failed, first: {writer.failed[0]}'
    want = writer.next
    for word in ('before', 'after'):
        got = city.query('query', query='count(count_over_time(soak[2d]))', time=time.time() + 300)[1]
        got = int(got[0]['value'][1]) if got else 0
        if got != want:
            yield f'{got} series, not {want}, {word} the server was started again'
        if word == 'before':
            city.stop()
            began = time.monotonic()
            city.serve()
            print(f'started again in {time.monotonic() - began:.2f} s')


def main():
    minutes, rate = ([float(sys.argv[1]), 10000] if len(sys.argv) == 2 else
                     [float(sys.argv[1]), int(sys.argv[2])] if len(sys.argv) > 2 else [60, 10000])
    if not os.environ.get('HEMING'):
        sys.exit('soak: HEMING names the program')
    with tempfile.TemporaryDirectory(prefix='heming-soak-') as folder:
        city = Heming(folder)
        writer, asker, seen = Writer(city, rate), Asker(city), []
        writer.start()
        asker.start()
        began, told = time.monotonic(), 0
        every = max(1, minutes * 60 / 400)
        try:
            while time.monotonic() - began < minutes * 60:
                time.sleep(every)
                seen.append(look(city, writer))
                if time.monotonic() - began > told * minutes * 60 / 20:
                    told += 1
                    r = seen[-1]
                    print(f'{(time.monotonic() - began) / 60:6.1f} min  {r["sent"]:>12,} readings  memory {r["memory"] / MIB:6.1f}  '
                          f'log {r["log"] / MIB:6.1f}  heads {r["heads"] / MIB:5.1f}  blocks {r["blocks"] / MIB:7.1f}  '
                          f'rest {r["rest"] / MIB:5.1f} MiB  {r["files"]} files  {r["threads"]} threads', flush=True)
            for t in (writer, asker):
                t.stop.set()
                t.join(60)
            print(f'{len(asker.took):,} questions, median {sorted(asker.took)[len(asker.took) // 2]:.1f} ms')
            bad = list(verdict(seen, city, writer, minutes))
        finally:
            city.process.kill()
            city.process.wait()
    print('\n'.join(bad) if bad else 'nothing grew')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
