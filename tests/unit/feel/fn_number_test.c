/* Functions of numbers and booleans (DMN 1.5, 10.3.4). */
#include "golden.h"

TEST(reads_numbers)
{
	static const struct golden g[] = {
	        {"number(\"1 000,0\", \" \", \",\")", "1000"},
	        {"number(\"1,000.0\", \",\", \".\")", "1000"},
	        {"number(\"1.000,0\", \".\", \",\")", "1000"},
	        {"number(\"1\", null, null)", "1"},
	        {"number(\"1.5\", null, \".\")", "1.5"},
	        {"number(\"-1.5\", null, \".\")", "-1.5"},
	        {"number(\"x\", null, \".\")", "null"},
	        {"number(\"1,000.0\", \",\", \",\")", "null"},
	        {"number(\"1,000.0\", \"x\", \".\")", "null"},
	        {"number(\"1e3\", null, null)", "1000"},
	        {"number(null, null, null)", "null"},
	        {"number(5, null, null)", "null"},
	        {"number(from: \"1.000.000,01\", decimal separator: \",\", grouping separator: \".\")",
	                "1000000.01"},
	};

	goldens(g, ARRAY_LEN(g));
}

TEST(negates)
{
	static const struct golden g[] = {
	        {"not(true)", "false"},
	        {"not(null)", "null"},
	        {"not(1)", "null"},
	};

	goldens(g, ARRAY_LEN(g));
}

TEST(rounds_and_computes)
{
	static const struct golden g[] = {
	        {"decimal(1/3, 2)", "0.33"},
	        {"decimal(1.5, 0)", "2"},
	        {"decimal(2.5, 0)", "2"},
	        {"decimal(1515, -2)", "1500"},
	        {"decimal(1550, -2)", "1600"},
	        {"decimal(1.5, null)", "null"},
	        {"decimal(1.5)", "null"},
	        {"decimal(n: 2.567, scale: 1)", "2.6"},
	        {"floor(1.5)", "1"},
	        {"floor(-1.5)", "-2"},
	        {"floor(-1.56, 1)", "-1.6"},
	        {"floor(1.5, null)", "null"},
	        {"ceiling(1.5)", "2"},
	        {"ceiling(-1.5)", "-1"},
	        {"ceiling(-1.56, 1)", "-1.5"},
	        {"round up(5.5, 0)", "6"},
	        {"round up(-5.5, 0)", "-6"},
	        {"round up(1.121, 2)", "1.13"},
	        {"round up(-1.126, 2)", "-1.13"},
	        {"round down(5.5, 0)", "5"},
	        {"round down(-5.5, 0)", "-5"},
	        {"round down(1.121, 2)", "1.12"},
	        {"round half up(5.5, 0)", "6"},
	        {"round half up(-5.5, 0)", "-6"},
	        {"round half up(1.125, 2)", "1.13"},
	        {"round half down(5.5, 0)", "5"},
	        {"round half down(-5.5, 0)", "-5"},
	        {"round half down(1.126, 2)", "1.13"},
	        {"round up(5.5)", "null"},
	        {"abs(10)", "10"},
	        {"abs(-10)", "10"},
	        {"abs(@\"PT5H\")", "PT5H"},
	        {"abs(@\"-PT5H\")", "PT5H"},
	        {"abs(@\"-P1Y\")", "P1Y"},
	        {"abs(\"a\")", "null"},
	        {"abs(n: -1)", "1"},
	        {"modulo(1e40, 3)", "1"},
	        {"modulo(-1e40, 3)", "2"},
	        {"modulo(1e6144, 7)", "1"},
	        {"modulo(1e-6000, 7)", "1e-6000"},
	        {"modulo(7, 1e-3)", "0"},
	        {"modulo(0.3, 0.1)", "0"},
	        {"modulo(9999999999999999999999999999999999, 1e33)", "999999999999999999999999999999999"},
	        {"modulo(12, 5)", "2"},
	        {"modulo(-12, 5)", "3"},
	        {"modulo(12, -5)", "-3"},
	        {"modulo(-12, -5)", "-2"},
	        {"modulo(10.1, 4.5)", "1.1"},
	        {"modulo(-10.1, 4.5)", "3.4"},
	        {"modulo(10.1, -4.5)", "-3.4"},
	        {"modulo(-10.1, -4.5)", "-1.1"},
	        {"modulo(1, 0)", "null"},
	        {"sqrt(16)", "4"},
	        {"sqrt(-1)", "null"},
	        {"sqrt(0)", "0"},
	        {"decimal(log(10), 8)", "2.30258509"},
	        {"log(0)", "null"},
	        {"log(-1)", "null"},
	        {"decimal(exp(5), 8)", "148.4131591"},
	        {"odd(5)", "true"},
	        {"odd(2)", "false"},
	        {"odd(-1)", "true"},
	        {"odd(0)", "false"},
	        {"even(5)", "false"},
	        {"even(2)", "true"},
	        {"odd(null)", "null"},
	};

	goldens(g, ARRAY_LEN(g));
}
