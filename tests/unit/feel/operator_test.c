/* Operators (DMN 1.5, 10.3.2): equality, order, three-valued logic, arithmetic, ranges. */
#include "golden.h"

TEST(tells_what_is_equal)
{
	static const struct golden g[] = {
	        {"1 = 1.000", "true"},
	        {"100 = 1E2", "true"},
	        {"true = null", "false"},
	        {"null = null", "true"},
	        {"null != null", "false"},
	        {"1 != null", "true"},
	        {"\"a\" = 1", "null"},
	        {"\"a\" != 1", "null"},
	        {"[1,2] = [1,\"a\"]", "false"},
	        {"[1] = 1", "true"},
	        {"1 = [1]", "true"},
	        {"{} = {}", "true"},
	        {"{a:1} = {a:1,b:null}", "false"},
	        {"[1..3] = [1..3]", "true"},
	        {"[1..3] = (1..3]", "false"},
	        {"(>5) = (>5)", "true"},
	        {"@\"2018-12-08\" = @\"2018-12-08\"", "true"},
	        {"@\"10:30:00@Europe/Paris\" = @\"10:30:00@Asia/Dhaka\"", "false"},
	        {"@\"P1Y\" = @\"P12M\"", "true"},
	        {"@\"P1D\" = @\"PT24H\"", "true"},
	        {"@\"P0Y\" = @\"P0D\"", "null"},
	};

	goldens(g, ARRAY_LEN(g));
}

TEST(compares)
{
	static const struct golden g[] = {
	        {"1 < 2", "true"},
	        {"\"a\" < \"b\"", "true"},
	        {"1 < \"a\"", "null"},
	        {"null < null", "null"},
	        {"true < false", "null"},
	        {"@\"P1Y\" < @\"P13M\"", "true"},
	        {"@\"10:00:00\" < @\"11:00:00\"", "true"},
	        {"@\"2020-01-01\" <= @\"2020-01-01\"", "true"},
	        {"1 between 1 and 2", "true"},
	        {"\"b\" between \"a\" and \"c\"", "true"},
	        {"1 between null and 2", "null"},
	        {"1 between \"a\" and 2", "null"},
	};

	goldens(g, ARRAY_LEN(g));
}

TEST(decides_in_three_values)
{
	static const struct golden g[] = {
	        {"true or \"x\"", "true"},
	        {"\"x\" or false", "null"},
	        {"false and \"x\"", "false"},
	        {"1 and 2", "null"},
	};

	goldens(g, ARRAY_LEN(g));
}

TEST(adds_and_multiplies_what_can_be)
{
	static const struct golden g[] = {
	        {"1 + \"a\"", "null"},
	        {"\"a\" + \"b\" + \"c\"", "abc"},
	        {"\"a\" - \"b\"", "null"},
	        {"2 ** 3 ** 2", "64"},
	        {"-2 ** 2", "4"},
	        {"(-2) ** 2", "4"},
	        {"10 / 4", "2.5"},
	        {"0 / 0", "null"},
	        {"5 % 2", "!"},
	        {"@\"P1D\" + @\"PT1H\"", "P1DT1H"},
	        {"@\"P1Y\" + @\"P1M\"", "P1Y1M"},
	        {"@\"P1Y\" - @\"P1M\"", "P11M"},
	        {"@\"P1Y\" + @\"P1D\"", "null"},
	        {"@\"P1Y\" / @\"P1M\"", "12"},
	        {"@\"P1Y\" * 2", "P2Y"},
	        {"2 * @\"P1Y\"", "P2Y"},
	        {"@\"P1Y\" / 5", "P2M"},
	        {"@\"PT1S\" / 3", "PT0.333333333S"},
	        {"@\"2020-01-31\" + @\"P1M\"", "2020-02-29"},
	        {"@\"2020-03-31\" - @\"P1M\"", "2020-02-29"},
	        {"@\"2020-01-01T00:00:00\" + @\"PT36H\"", "2020-01-02T12:00:00"},
	        {"@\"2020-01-02\" - @\"PT1H\"", "2020-01-01"},
	        {"@\"2020-01-02\" + @\"PT25H\"", "2020-01-03"},
	        {"@\"10:00:00\" - @\"PT11H\"", "23:00:00"},
	        {"@\"10:00:00Z\" - @\"09:00:00Z\"", "PT1H"},
	        {"@\"2020-01-02\" - @\"2020-01-01\"", "P1D"},
	        {"@\"2020-01-02T00:00:00Z\" - @\"2020-01-01\"", "P1D"},
	        {"@\"P1D\" - @\"2020-01-02\"", "null"},
	        {"@\"P1D\" * @\"P1D\"", "null"},
	        {"@\"2020-01-02\" + @\"2020-01-02\"", "null"},
	        {"@\"2020-01-02\" * 2", "null"},
	        {"1 / @\"P1D\"", "null"},
	        {"- \"a\"", "null"},
	        {"-@\"P1Y\"", "-P1Y"},
	        {"-[1]", "-1"},
	        {"-@\"2020-01-01\"", "null"},
	};

	goldens(g, ARRAY_LEN(g));
}

TEST(knows_ranges)
{
	static const struct golden g[] = {
	        {"(1..5).start", "1"},
	        {"(1..5).start included", "false"},
	        {"[1..5].end", "5"},
	        {"(<5).start", "null"},
	        {"(<5).start included", "false"},
	        {"(<=5).end included", "true"},
	        {"(<5).end", "5"},
	        {"5 in (<= 5)", "true"},
	        {"5 in (=5)", "true"},
	        {"5 in (!= 5)", "false"},
	        {"6 in != 5", "true"},
	        {"1 in [1..3]", "true"},
	        {"\"b\" in [\"a\"..\"c\"]", "true"},
	        {"@\"2020-01-02\" in [@\"2020-01-01\"..@\"2020-01-03\"]", "true"},
	        {"5 in (1,2,5)", "true"},
	        {"5 in [1,2,5]", "true"},
	        {"5 in [[1..3],[4..6]]", "true"},
	        {"5 in null", "false"},
	        {"null in [1,null]", "true"},
	        {"null in (1..5)", "null"},
	        {"[1,2] in [[1,2],[3]]", "true"},
	        {"[1,2] in ([1,2],[3])", "true"},
	        {"1 in [\"1\"]", "false"},
	        {"\"a\" in [1..5]", "null"},
	        {"1 in [1..null]", "null"},
	        {"1 in (true)", "null"},
	        {"true in (true)", "true"},
	        {"null in (true, false)", "false"},
	        {"3 in [null..2]", "false"},
	        {"[1..3] in [1..3]", "true"},
	        {"[2] in [1..3]", "true"},
	        {"1 in (2,3) or true", "true"},
	};

	goldens(g, ARRAY_LEN(g));
}
