/* Functions outside (DMN 1.5, 10.3.2.13.3): which are known, and what becomes of arguments and results. */
#include "golden.h"

#define JAVA(parameters, class, signature)                                                                   \
	"(function(" parameters                                                                              \
	") external {java: {class: \"java.lang." class "\", method signature: \"" signature "\"}})"

TEST(calls_methods_of_java_lang)
{
	static const struct golden g[] = {
	        {JAVA("x", "Math", "cos(double)") "(0)", "1"},
	        {JAVA("x", "Math ", " abs ( double ) ") "(-2.5)", "2.5"},
	        {JAVA("x, y", "Math", "pow(double, double)") "(2, 0.5)", "1.4142135623730951"},
	        {JAVA("x, y", "Math", "max(int,int)") "(3, 7)", "7"},
	        {JAVA("x, y", "Integer", "min(int,int)") "(y: 3, x: 7)", "3"},
	        {JAVA("x", "Math", "abs(long)") "(-9007199254740993)", "9007199254740993"},
	        {JAVA("x", "Integer", "valueOf(java.lang.String)") "(\"42\")", "42"},
	        {JAVA("x", "Double", "parseDouble(java.lang.String)") "(\"4.5\")", "4.5"},
	        {"{deg: function(x: number) external {java: {class: \"java.lang.Math\", method signature: "
	         "\"toDegrees(double)\"}}, r: for x in [0] return deg(x)}.r",
	                "[0]"},
	};

	goldens(g, ARRAY_LEN(g));
}

TEST(gives_null_for_what_is_no_call)
{
	static const struct golden g[] = {
	        {JAVA("x, y", "Math", "max(int,int)") "(3, 7.5)", "null"},
	        {JAVA("x, y", "Math", "max(int,int)") "(3, 3000000000)", "null"},
	        {JAVA("x", "Math", "sqrt(double)") "(-1)", "null"},
	        {JAVA("x", "Math", "exp(double)") "(1000)", "null"},
	        {JAVA("x", "Math", "sqrt(double)") "(\"4\")", "null"},
	        {JAVA("x", "Math", "sqrt(double)") "(null)", "null"},
	        {JAVA("x", "Math", "sqrt(double)") "(1, 2)", "null"},
	        {JAVA("x: string", "Math", "sqrt(double)") "(4)", "null"},
	        {JAVA("x, y", "Math", "sqrt(double)") "(4, 4)", "null"},
	        {JAVA("x", "Math", "sqrt") "(4)", "null"},
	        {JAVA("x", "Math", ")(") "(4)", "null"},
	        {JAVA("x", "Math", "(") "(4)", "null"},
	        {JAVA("x", "Math", "") "(4)", "null"},
	        {JAVA("x", "Math", "sin(double, )") "(4)", "null"},
	        {JAVA("x", "Math", "sin(double, double, double)") "(4)", "null"},
	        {JAVA("x", "Math", "unheard(double)") "(4)", "null"},
	        {JAVA("x", "Runtime", "exit(int)") "(4)", "null"},
	        {JAVA("", "Math", "random()") "()", "null"},
	        {JAVA("x", "Integer", "parseInt(java.lang.String)") "(\"3000000000\")", "null"},
	        {JAVA("x", "Integer", "parseInt(java.lang.String)") "(\"\")", "null"},
	        {"(function(x) external {pmml: {document: \"a\", model: \"b\"}})(1)", "null"},
	        {"(function(x) external 5)(1)", "null"},
	};

	goldens(g, ARRAY_LEN(g));
}
