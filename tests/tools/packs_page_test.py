"""The chapter of docs/packs.md that makes a register, followed word by word: its files are written, its commands run in
one shell, and what they print is what the page shows. "…" on the page stands for anything."""
import os
import re
import signal
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
HEMING = Path(os.environ['HEMING_BUILD']) / 'src/cli/heming'
CHAPTER = '## A register in an hour'
END = '=== end of block'


def blocks():
    """[(language, file or '', text)] in the order of the page."""
    page = (TOP / 'docs/packs.md').read_text()
    chapter = page.split(CHAPTER + '\n', 1)[1].split('\n## ', 1)[0]
    return re.findall(r'^```(\w+) ?(\S*)\n(.*?)^```$', chapter, re.M | re.S)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class PacksPage(unittest.TestCase):
    def test_the_chapter(self):
        script, shown, port = ['set -e'], [], free_port()
        with tempfile.TemporaryDirectory() as folder:
            for language, name, text in blocks():
                if name:  # written when its turn comes, by the shell
                    script += [f'mkdir -p "$(dirname {name})"', f"cat > {name} <<'END_OF_FILE'\n{text}END_OF_FILE"]
                elif language == 'sh':
                    script += [text.replace(':8080', f':{port}'), f'echo "{END}"']
                    shown.append('')
                elif language == 'text':
                    shown[-1] = text
            (Path(folder) / 'packs').symlink_to(TOP / 'packs')
            env = {**os.environ, 'PATH': f'{HEMING.parent}:{os.environ["PATH"]}', 'HEMING_PORT': str(port),
                   'HEMING_MQTT_PORT': str(free_port())}
            p = subprocess.Popen(['bash'], cwd=folder, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, start_new_session=True)
            try:
                out, _ = p.communicate('\n'.join(script), timeout=240)
            finally:  # the server, if the chapter was left half-way
                try:
                    os.killpg(p.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        said = out.split(END + '\n')
        for i, want in enumerate(shown):
            got = said[i] if i < len(said) else ''
            form = re.escape(want).replace('…', '.*')
            self.assertRegex(got, re.compile(rf'\A{form}\Z', re.S), f'block {i + 1} of {len(shown)}; all of it:\n{out}')
        self.assertEqual(p.returncode, 0, out)

    def test_there_is_something_to_follow(self):
        found = blocks()
        self.assertGreater(len([1 for language, _, _ in found if language == 'sh']), 5)
        self.assertGreater(len([1 for _, name, _ in found if name]), 3)


if __name__ == '__main__':
    unittest.main()
