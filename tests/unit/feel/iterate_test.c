/* Filters, paths and iterations. */
#include "golden.h"

TEST(filters_and_walks_paths)
{
	static const struct golden g[] = {
	        {"[1,2,3][0]", "null"},
	        {"[1,2,3][1.5]", "null"},
	        {"[1,2,3][-4]", "null"},
	        {"null[1]", "null"},
	        {"null[item = 1]", "null"},
	        {"\"a\"[1]", "a"},
	        {"\"a\"[2]", "null"},
	        {"100[item > 50]", "[100]"},
	        {"100[item > 500]", "[]"},
	        {"[{a:1},{a:2}][a = 2]", "[{a: 2}]"},
	        {"[{item:1},{item:2}][item = 2]", "[{item: 2}]"},
	        {"[{x:1,y:2},{x:2,y:3}][x=1][1].y", "2"},
	        {"[1,2,3][item >= 2][1]", "2"},
	        {"[1,2,3][\"a\"]", "null"},
	        {"[1,2,3][null]", "[]"},
	        {"[1,2,3][true]", "[1, 2, 3]"},
	        {"[1,2,3][false]", "[]"},
	        {"[{a:1},{b:2}].a", "[1, null]"},
	        {"[{x: null},{x: 1}][x < 3]", "[{x: 1}]"},
	        {"[true, false][item]", "[true]"},
	        {"{a: [1,2,3]}.a[2]", "2"},
	        {"{a: 1, b: a + 1}.b", "2"},
	        {"{\"a b\": 1}.a b", "1"},
	        {"{a: {b: {c: 7}}}.a.b.c", "7"},
	        {"{}.a", "null"},
	        {"null.a", "null"},
	};

	goldens(g, ARRAY_LEN(g));
}

TEST(iterates)
{
	static const struct golden g[] = {
	        {"for i in [1,2,3] return i + 1", "[2, 3, 4]"},
	        {"for i in [] return i", "[]"},
	        {"for i in null return i", "null"},
	        {"for i in 5 return i", "[5]"},
	        {"for i in 1..3, j in i..3 return i * j", "[1, 2, 3, 4, 6, 9]"},
	        {"for i in -1..1 return i", "[-1, 0, 1]"},
	        {"for i in @\"2020-01-01\"..@\"2020-01-03\" return i",
	                "[2020-01-01, 2020-01-02, 2020-01-03]"},
	        {"for i in [1..3] return i", "[1, 2, 3]"},
	        {"for i in (1..3) return i", "[2]"},
	        {"for i in 1..1 return i", "[1]"},
	        {"for i in 0..4 return if i = 0 then 1 else i * partial[-1]", "[1, 1, 2, 6, 24]"},
	        {"for i in \"a\"..\"c\" return i", "null"},
	        {"for i in {a:1} return i.a", "[1]"},
	        {"some x in [1,2], y in [2,3] satisfies x = y", "true"},
	        {"every x in [] satisfies false", "true"},
	        {"some x in [] satisfies true", "false"},
	        {"every x in [1,null] satisfies x > 0", "null"},
	        {"every x in [0,null] satisfies x > 0", "false"},
	        {"some x in null satisfies true", "null"},
	        {"every x in null satisfies true", "null"},
	        {"some x in 1..3 satisfies x = 3", "true"},
	        {"if null then 1 else 2", "2"},
	        {"if \"a\" then 1 else 2", "2"},
	        {"if true then 1 else 2", "1"},
	};

	goldens(g, ARRAY_LEN(g));
}
