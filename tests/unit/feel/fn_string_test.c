/* Functions of strings (DMN 1.5, 10.3.4). */
#include "golden.h"

TEST(works_on_strings)
{
	static const struct golden g[] = {
	        {"substring(\"foobar\", 3)", "obar"},
	        {"substring(\"foobar\", 3, 3)", "oba"},
	        {"substring(\"foobar\", -2, 1)", "a"},
	        {"substring(\"\\U01F40Eab\", 2)", "ab"},
	        {"substring(\"foobar\", 7)", "null"},
	        {"substring(\"foobar\", 1.5)", "null"},
	        {"substring(null, 1)", "null"},
	        {"substring(\"foobar\", null)", "null"},
	        {"substring(\"foobar\", 3, null)", "obar"},
	        {"substring(\"foobar\", 3, 0)", "null"},
	        {"substring(\"foobar\", 3, 100)", "obar"},
	        {"string length(\"foo\")", "3"},
	        {"string length(\"\")", "0"},
	        {"string length(\"\\U01F40Eab\")", "3"},
	        {"string length(null)", "null"},
	        {"string length(1)", "null"},
	        {"string length([\"abc\"])", "3"},
	        {"upper case(\"aBc4\")", "ABC4"},
	        {"lower case(\"aBc4\")", "abc4"},
	        {"substring before(\"foobar\", \"bar\")", "foo"},
	        {"substring before(\"foobar\", \"xyz\")", ""},
	        {"substring before(\"foobar\", \"\")", ""},
	        {"substring after(\"foobar\", \"ob\")", "ar"},
	        {"substring after(\"\", \"a\")", ""},
	        {"substring after(\"foobar\", \"\")", "foobar"},
	        {"substring after(\"foo\", \"z\")", ""},
	        {"contains(\"foobar\", \"of\")", "false"},
	        {"contains(\"foobar\", \"\")", "true"},
	        {"starts with(\"foobar\", \"fo\")", "true"},
	        {"ends with(\"foobar\", \"r\")", "true"},
	        {"split(\"John Doe\", \"\\s\")", "[\"John\", \"Doe\"]"},
	        {"split(\"a;b;c;;\", \";\")", "[\"a\", \"b\", \"c\", \"\", \"\"]"},
	        {"split(\"\", \";\")", "[\"\"]"},
	        {"split(\"abc\", \"\")", "null"},
	        {"split(\";a\", \";\")", "[\"\", \"a\"]"},
	        {"split(null, \";\")", "null"},
	        {"string join([\"a\",\"b\",\"c\"], \"_and_\")", "a_and_b_and_c"},
	        {"string join([\"a\",\"b\",\"c\"], \"\")", "abc"},
	        {"string join([\"a\",\"b\",\"c\"], null)", "abc"},
	        {"string join([\"a\",\"b\",\"c\"])", "abc"},
	        {"string join([\"a\"], \"X\")", "a"},
	        {"string join([\"a\",null,\"c\"], \"X\")", "aXc"},
	        {"string join([], \"X\")", ""},
	        {"string join([\"a\",1], \"X\")", "null"},
	        {"string join(\"a\", \"X\")", "a"},
	        {"string join(null, \"X\")", "null"},
	        {"string join([null])", ""},
	};

	goldens(g, ARRAY_LEN(g));
}

TEST(writes_values_as_text)
{
	static const struct golden g[] = {
	        {"string(1)", "1"},
	        {"string(1.1)", "1.1"},
	        {"string(-0.5)", "-0.5"},
	        {"string(true)", "true"},
	        {"string(\"a\")", "a"},
	        {"string(null)", "null"},
	        {"string(@\"2020-01-01\")", "2020-01-01"},
	        {"string(@\"10:00:00.1+01:00\")", "10:00:00.1+01:00"},
	        {"string(@\"2020-01-01T10:00:00@Europe/Paris\")", "2020-01-01T10:00:00@Europe/Paris"},
	        {"string(@\"2020-01-01T10:00:00@Etc/UTC\")", "2020-01-01T10:00:00@Etc/UTC"},
	        {"string(@\"PT0S\")", "PT0S"},
	        {"string(@\"P0Y\")", "P0M"},
	        {"string(@\"-P1DT2H3M4.5S\")", "-P1DT2H3M4.5S"},
	        {"string(@\"P14M\")", "P1Y2M"},
	        {"string([1,2,3,\"foo\"])", "[1, 2, 3, \"foo\"]"},
	        {"string([1,2,3,[4,5,\"foo\"]])", "[1, 2, 3, [4, 5, \"foo\"]]"},
	        {"string({a: \"foo\"})", "{a: \"foo\"}"},
	        {"string({a: \"foo\", b: {bar: \"baz\"}})", "{a: \"foo\", b: {bar: \"baz\"}}"},
	        {"string({\"{\": \"foo\"})", "{\"{\": \"foo\"}"},
	        {"string({\"\\\"\": \"foo\"})", "{\"\\\"\": \"foo\"}"},
	        {"string([1..5))", "[1..5)"},
	        {"string([null, true])", "[null, true]"},
	        {"string(1, 2)", "null"},
	        {"string()", "null"},
	};

	goldens(g, ARRAY_LEN(g));
}
