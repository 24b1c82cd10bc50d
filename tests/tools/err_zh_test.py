"""src/base/err_zh.tbl: what failures say in Chinese.

Its rows are in order and are words of the source; each Chinese takes what its English takes; and nothing that the
domain or the API says to a person is missing.
"""
import re
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
TABLE = TOP / 'src/base/err_zh.tbl'
WHOLE = ('city', 'api')  # parts of which every word is translated
# Not for a reader of the pages: names of places, of files.
LEFT_OUT = {'records.db'}

STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
CONVERSION = re.compile(r'%(?:(\d+)\$)?([-+ #0]*(?:\d+|\*)?(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z|j|t)?[diouxXeEfgGcsp])|%%')


def arguments(text, at):
    """Of the call whose parenthesis opens before `at`: its arguments as text."""
    out, depth, start = [], 1, at
    while depth:
        c = text[at]
        if c == '"':
            at = STRING.match(text, at).end()
            continue
        if c == "'":
            at = re.compile(r"'(?:[^'\\]|\\.)+'").match(text, at).end()
            continue
        depth += (c in '([{') - (c in ')]}')
        if depth == 0 or (depth == 1 and c == ','):
            out.append(text[start:at])
            start = at + 1
        at += 1
    return out


def literals(argument):
    """Texts that an argument may be: pieces that stand beside each other are one."""
    argument = re.sub(r'\bSTR_FMT\b', '"%.*s"', argument)
    return [''.join(STRING.findall(run)) for run in re.findall(r'(?:"(?:[^"\\]|\\.)*"\s*)+', argument)]


def wrappers(source):
    """Functions of a file that hand a parameter on as the words of a failure, and which parameter."""
    found = {'err_set': 2, 'err_prefix': 1, 'err_vset': 2}
    for name, parameters, body in re.findall(r'\n(?:static )?[\w ]+?[ *](\w+)\(([^;{)]*)\)\s*\{(.*?)\n\}', source, re.S):
        for i, p in enumerate(parameters.split(',')):
            given = re.match(r'\s*const char \*(\w+)$', p)
            if given and re.search(r'err_set\([^;]*"%%s"\s*,\s*%s\s*\)' % given.group(1), body):
                found[name] = i
    return found


def said(part):
    """(words, file) of a part of the source."""
    for path in sorted((TOP / 'src' / part).glob('*.c')):
        source = re.sub(r'/\*.*?\*/', '', path.read_text(encoding='utf-8'), flags=re.S)
        for name, which in wrappers(source).items():
            for call in re.finditer(r'\b%s\(' % name, source):
                given = arguments(source, call.end())
                for words in literals(given[which]) if which < len(given) else []:
                    if re.search('[A-Za-z]', CONVERSION.sub('', words)):
                        yield words, path.name


def plain(words):
    return words.replace('\\"', '"').replace('\\\\', '\\')


def conversions(words):
    """In the order of the arguments; numbered ones by their numbers."""
    found = [m for m in CONVERSION.finditer(words) if m.group(2)]
    numbered = [int(m.group(1)) for m in found if m.group(1)]
    if not numbered:
        return [m.group(2) for m in found]
    if sorted(numbered) != list(range(1, len(found) + 1)):
        return None
    return [m.group(2) for m in sorted(found, key=lambda m: int(m.group(1)))]


class ErrZh(unittest.TestCase):
    def setUp(self):
        self.rows = re.findall(r'^ZH\("((?:[^"\\]|\\.)*)",\n   "((?:[^"\\]|\\.)*)"\)$', TABLE.read_text(encoding='utf-8'), re.M)

    def test_the_rows_are_in_order(self):
        keys = [plain(en).encode() for en, _ in self.rows]
        self.assertEqual(len(keys), TABLE.read_text(encoding='utf-8').count('\nZH('))
        for a, b in zip(keys, keys[1:]):
            self.assertLess(a, b)

    def test_both_take_the_same(self):
        for en, zh in self.rows:
            self.assertEqual(conversions(en), conversions(zh), en)
            self.assertRegex(zh, '[\u4e00-\u9fff]', en)

    def test_nothing_is_missing(self):
        known = {en for en, _ in self.rows} | LEFT_OUT
        missing = [f'{file}: {words}' for part in WHOLE for words, file in said(part) if words not in known]
        self.assertEqual(missing, [], 'put their Chinese into src/base/err_zh.tbl')

    def test_nothing_is_left_over(self):
        source = ' '.join(p.read_text(encoding='utf-8') for p in (TOP / 'src').glob('*/*') if p.suffix in ('.c', '.h', '.tbl')
                          and p != TABLE)
        joined = re.sub(r'"\s*\n\s*"', '', re.sub(r'" STR_FMT "|" STR_FMT\b|\bSTR_FMT "', '%.*s', source))
        for en, _ in self.rows:
            self.assertIn(en, joined, 'nobody says this any more')


if __name__ == '__main__':
    unittest.main()
