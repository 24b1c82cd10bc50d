"""tools/embed.c: packs a folder, compiles the result, asks it."""
import gzip
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
EMBED = Path(os.environ.get('HEMING_BUILD', TOP / 'build/dev')) / 'tools/embed'

ASK = r'''
#include "base/asset.h"
int main(int argc, char **argv)
{
	const struct asset *a = argc > 1 ? asset_find(argv[1]) : NULL;

	if (!a)
		return 1;
	fprintf(stderr, "%s|%s|%zu|%d", a->mime, a->etag, a->raw_n, a->immutable);
	return fwrite(a->gz, 1, a->gz_n, stdout) == a->gz_n ? 0 : 2;
}
'''


class Embed(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.dir = Path(self.tmp.name)
        self.dist = self.dir / 'dist'

    def tearDown(self):
        self.tmp.cleanup()

    def put(self, name, data):
        path = self.dist / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def pack(self, compiler='gcc'):
        subprocess.run([EMBED, self.dist, 't.c', 't.bin', 't.d'], cwd=self.dir, check=True)
        (self.dir / 'ask.c').write_text(ASK)
        subprocess.run([compiler, '-std=gnu17', '-D_GNU_SOURCE', '-fPIE', '-pie', f'-I{TOP}/src', 'ask.c', 't.c',
                        TOP / 'src/base/asset.c', '-o', 'ask'], cwd=self.dir, check=True)

    def ask(self, path):
        p = subprocess.run([self.dir / 'ask', path], capture_output=True)
        if p.returncode == 1:
            return None
        self.assertEqual(p.returncode, 0)
        return p.stderr.decode().split('|'), gzip.decompress(p.stdout)

    def test_finds_every_file_whole(self):
        files = {f'assets/f{i}-aB3_x9-Z.js': os.urandom(i * 100) for i in range(30)}
        files |= {'index.html': b'<h1>\xe9\xb9\xa4</h1>', 'empty.txt': b'', 'map/jiangsu.geojson': b'{}' * 9999}
        for name, data in files.items():
            self.put(name, data)
        for compiler in ('gcc', 'clang'):
            self.pack(compiler)
            for name, data in files.items():
                (_, _, raw_n, _), got = self.ask('/' + name)
                self.assertEqual((got, int(raw_n)), (data, len(data)), name)
            for name in ('', '/', 'index.html', '/index.htm', '/index.htmlx', '/assets'):
                self.assertIsNone(self.ask(name))

    def test_says_what_it_is_and_whether_it_may_be_kept(self):
        self.put('index.html', b'a')
        self.put('assets/index-Dk3v_9aB.js', b'b')
        self.put('assets/plain.css', b'c')
        self.put('other-Dk3v_9aB.js', b'd')
        self.pack()
        self.assertEqual([self.ask(p)[0][3] for p in ('/index.html', '/assets/index-Dk3v_9aB.js', '/assets/plain.css',
                                                      '/other-Dk3v_9aB.js')], ['0', '1', '0', '0'])
        self.assertEqual(self.ask('/assets/plain.css')[0][0], 'text/css; charset=utf-8')

    def test_the_tag_follows_the_content(self):
        self.put('a.txt', b'one')
        self.pack()
        one = self.ask('/a.txt')[0][1]
        self.pack()
        self.assertEqual(self.ask('/a.txt')[0][1], one)
        self.put('a.txt', b'two')
        self.pack()
        self.assertNotEqual(self.ask('/a.txt')[0][1], one)
        self.assertRegex(one, r'^"[0-9a-f]{16}"$')

    def test_no_pages_is_an_empty_table(self):
        self.pack()
        self.assertIsNone(self.ask('/index.html'))

    def test_tells_ninja_what_it_read(self):
        self.put('assets/a.js', b'x')
        self.pack()
        deps = (self.dir / 't.d').read_text()
        self.assertTrue(deps.startswith('t.c:'))
        self.assertIn(str(self.dist / 'assets/a.js'), deps)
        self.assertIn(str(self.dist / 'assets'), deps.split())


if __name__ == '__main__':
    unittest.main()
