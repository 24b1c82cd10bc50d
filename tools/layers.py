#!/usr/bin/env python3
"""Reads the #include lines of src/ and tells every one that the layers do not allow.

Also told: a .c file that does not begin with its own header, a file that base/banned.h does not reach, and
headers that include one another in a ring. Prints one line for each and ends with 1 if there was any.
"""
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
SRC = TOP / 'src'

# A part may include itself and what stands here; DESIGN: arrows point down only.
MAY = {
    'base': '',
    'net': 'base',
    'mqtt': 'base',
    'series': 'base',
    'promql': 'base',
    'feel': 'base',
    'dmn': 'base feel',
    'bpmn': 'base feel dmn',
    'form': 'base feel',
    'store': 'base',
    'city': 'base series promql feel dmn bpmn form store',
    'ingest': 'base series promql feel dmn bpmn form store city net mqtt',
    'api': 'base series promql feel dmn bpmn form store city net mqtt ingest',
    'cli': 'base series promql feel dmn bpmn form store city net mqtt ingest api',
}

# Made by the build, not in src/.
GENERATED = {'store/sql.h', 'cli/version.h'}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.M)


def includes(path):
    """(line, name) of every #include "…"."""
    text = path.read_text()
    return [(text.count('\n', 0, m.start()) + 1, m.group(1)) for m in INCLUDE.finditer(text)]


def reach(path, graph, seen):
    for other in graph.get(path, ()):
        if other not in seen:
            seen.add(other)
            reach(other, graph, seen)
    return seen


def main():
    wrong = []
    graph = {}
    firsts = []
    files = sorted(p for p in SRC.rglob('*') if p.suffix in ('.c', '.h'))
    for path in files:
        name = str(path.relative_to(SRC))
        part = name.split('/')[0]
        where = f'src/{name}'
        if part not in MAY:
            wrong.append(f'{where}: the part {part}/ has no row in tools/layers.py')
            continue
        allowed = {part, *MAY[part].split()}
        graph[name] = []
        for line, other in includes(path):
            if not (SRC / other).exists():
                if (path.parent / other).exists():
                    wrong.append(f'{where}:{line}: say "{part}/{other}": includes are named from src/')
                elif other not in GENERATED:
                    wrong.append(f'{where}:{line}: there is no src/{other}')
                continue
            graph[name].append(other)
            target = other.split('/')[0]
            if target not in allowed:
                wrong.append(f'{where}:{line}: {part}/ may not know {target}/ ({other})')
            elif target != part and re.search(r'(_int|_table)\.h$', other):
                wrong.append(f'{where}:{line}: {other} is private to {target}/')
        own = name[:-2] + '.h'
        if path.suffix == '.c' and (SRC / own).exists():
            firsts.append((name, own))

    for name, own in firsts:
        first = graph[name][0] if graph[name] else ''
        if first != own and not (first.endswith('_int.h') and own in reach(first, graph, set())):
            wrong.append(f'src/{name}:1: must include its own header first ({own}), or the _int.h around it')

    for name in graph:
        seen = reach(name, graph, set())
        if name.endswith('.c') and 'base/banned.h' not in seen:
            wrong.append(f'src/{name}:1: base/banned.h does not reach it; include base/base.h')
        if name in seen:
            wrong.append(f'src/{name}:1: includes itself, by way of others')

    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
