"""tools/layers.py on a small tree of its own."""
import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / 'tools'))
import layers  # noqa: E402


class Layers(unittest.TestCase):
    def said(self, **files):
        """What is said of a tree; names have __ for / and _h, _c for the ending."""
        with tempfile.TemporaryDirectory() as folder:
            src = Path(folder) / 'src'
            for name, text in {'base__banned_h': '', 'base__base_h': '#include "base/banned.h"', **files}.items():
                path = src / (name[:-2].replace('__', '/') + '.' + name[-1])
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            old, layers.SRC = layers.SRC, src
            out = io.StringIO()
            try:
                with contextlib.redirect_stdout(out):
                    rc = layers.main()
            finally:
                layers.SRC = old
        self.assertEqual(rc, 1 if out.getvalue() else 0)
        return out.getvalue()

    def test_downwards_is_allowed(self):
        self.assertEqual(self.said(city__case_c='#include "store/store.h"\n#include <stdio.h>',
                                   store__store_h='#include "base/base.h"'), '')

    def test_upwards_is_told_with_its_line(self):
        self.assertIn('src/store/store.h:2: store/ may not know city/',
                      self.said(store__store_h='\n#include "city/case.h"', city__case_h=''))

    def test_city_sees_no_wire(self):
        self.assertIn('city/ may not know net/', self.said(city__case_h='#include "net/http.h"', net__http_h=''))

    def test_own_header_comes_first(self):
        self.assertIn('own header first', self.said(base__x_h='#include "base/base.h"',
                                                    base__x_c='#include "base/base.h"\n#include "base/x.h"'))

    def test_own_header_may_come_inside_the_private_one(self):
        self.assertEqual(self.said(base__x_h='#include "base/base.h"', base__x_int_h='#include "base/x.h"',
                                   base__x_c='#include "base/x_int.h"'), '')

    def test_private_headers_stay_inside(self):
        self.assertIn('private to store/', self.said(city__a_h='#include "store/a_int.h"', store__a_int_h=''))

    def test_banned_must_reach_every_file(self):
        self.assertIn('does not reach it', self.said(base__x_c='int x;'))

    def test_rings_are_told(self):
        self.assertIn('includes itself', self.said(base__a_h='#include "base/b.h"', base__b_h='#include "base/a.h"'))

    def test_missing_and_unknown(self):
        self.assertIn('there is no src/base/y.h', self.said(base__x_h='#include "base/y.h"'))
        self.assertIn('has no row', self.said(other__x_h=''))


if __name__ == '__main__':
    unittest.main()
