/* Types, `instance of` and the conversions of arguments (DMN 1.5, 10.3.2). */
#include "golden.h"

TEST(tells_types)
{
	static const struct golden g[] = {
	        {"@\"2020-01-01T10:00:00\" instance of date and time", "true"},
	        {"@\"P1D\" instance of days and time duration", "true"},
	        {"@\"P1Y\" instance of years and months duration", "true"},
	        {"@\"P1Y\" instance of days and time duration", "false"},
	        {"@\"2020-01-01\" instance of date and time", "false"},
	        {"1 instance of Any", "true"},
	        {"null instance of Any", "false"},
	        {"\"a\" instance of string and true", "true"},
	        /* without the types of what it holds it is no type (Table 61) */
	        {"[1] instance of list", "null"},
	        {"123 instance of list", "null"},
	        {"{a:1} instance of context", "null"},
	        {"[1..2] instance of range", "null"},
	        {"[1] instance of list<unheard of>", "null"},
	        {"1 instance of unheard of", "null"},
	        {"[1, null] instance of list<number>", "true"},
	        {"[1, \"a\"] instance of list<Any>", "true"},
	        {"null instance of Null", "true"},
	        {"1 instance of Null", "false"},
	        {"[1..5] instance of range<number>", "true"},
	        {"[1..5] instance of range<string>", "false"},
	        {"{a:1,b:\"x\"} instance of context<a:number, b: string>", "true"},
	        {"{a:1} instance of context<a:number, b: string>", "false"},
	        {"{a:1,c:2} instance of context<a:number>", "true"},
	        {"[[1]] instance of list<list<number>>", "true"},
	        {"abs instance of function<number>->number", "true"},
	        {"(function(a:number) a) instance of function<number>->number", "true"},
	        {"(function(a:string) \"x\") instance of function<number>->string", "false"},
	        {"(function(a:number, b:number) \"x\") instance of function<number>->string", "false"},
	        {"(function() 1) instance of function<>->number", "true"},
	};

	goldens(g, ARRAY_LEN(g));
}

TEST(fits_arguments_to_parameters)
{
	static const struct golden g[] = {
	        {"(function(x) x + 1)(1)", "2"},
	        {"(function(x: number) x + 1)(\"a\")", "null"},
	        {"{f: function(a) a, r: f(1, 2)}.r", "null"},
	        {"{f: function(a) a, r: f(b: 1)}.r", "null"},
	        {"{f: function(a, b) [a, b], r: f(b: 1)}.r", "[null, 1]"},
	        {"{f: function(a, b) [a, b], r: f(a: 1, a: 2)}.r", "null"},
	        {"{f: function(a, b) [a, b], r: f(a: 1, c: 2)}.r", "null"},
	        {"(function(x: number) 5)(\"a\")", "null"},
	        {"(function(x: number) 5)(null)", "5"},
	        {"number(from: \"12\")", "12"},
	        {"list contains(list: [1, null])", "true"},
	        {"decimal(n: 1.25)", "null"},
	        {"substring(string: \"a\", string: \"b\", start position: 1)", "null"},
	        {"(function(a: list<number>) count(a))(5)", "1"},
	        {"(function(a: number) a)([5])", "5"},
	        {"(function(a: date and time) a)(@\"2020-01-01\")", "2020-01-01T00:00:00Z"},
	        {"substring(string: \"foobar\", start position: 3)", "obar"},
	        {"substring(start position: 3, string: \"foobar\", length: 2)", "ob"},
	        {"substring(\"foobar\", wrong: 3)", "!"},
	        {"substring(string: \"foobar\", wrong: 3)", "null"},
	        {"abs()", "null"},
	        {"abs(1, 2)", "null"},
	        {"nofunction(1)", "null"},
	};

	goldens(g, ARRAY_LEN(g));
}
