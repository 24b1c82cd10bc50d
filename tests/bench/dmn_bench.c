/*
 * dmn_bench - evaluations of a table of ten rows per second, in memory, on one thread.
 *
 *   dmn_bench [SECONDS]
 *
 * The table is a city's dispatch: a kind of alarm, its level and a reading choose a department and a limit.
 * The last row is asked for as often as the first.
 */
#include "base/clock.h"
#include "base/num.h"
#include "dmn/dmn.h"

#define ROW(kind, level, value, org, limit)                                                                  \
	"<rule><inputEntry><text>" kind "</text></inputEntry><inputEntry><text>" level                       \
	"</text></inputEntry><inputEntry><text>" value "</text></inputEntry><outputEntry><text>\"" org       \
	"\"</text></outputEntry><outputEntry><text>" limit "</text></outputEntry></rule>"

static const char XML[] =
        "<definitions xmlns='https://www.omg.org/spec/DMN/20230324/MODEL/'>"
        "<inputData id='kind' name='kind'/><inputData id='level' name='level'/><inputData id='value' "
        "name='value'/>"
        "<decision id='dispatch' name='dispatch'>"
        "<informationRequirement><requiredInput href='#kind'/></informationRequirement>"
        "<informationRequirement><requiredInput href='#level'/></informationRequirement>"
        "<informationRequirement><requiredInput href='#value'/></informationRequirement>"
        "<decisionTable hitPolicy='FIRST'><input><inputExpression><text>kind</text></inputExpression></input>"
        "<input><inputExpression><text>level</text></inputExpression></input>"
        "<input><inputExpression><text>value</text></inputExpression></input>"
        "<output name='org'/><output name='limit'/>" ROW("\"gas\"", "1", "&gt;= 40", "fire", "1") ROW(
                "\"gas\"", "1, 2", "[20..40)", "gas", "2") ROW("\"gas\"", "-", "-", "gas", "8")
                ROW("\"water\"", "1", "&gt; 80", "water", "2") ROW("\"water\"", "-", "[60..80]", "water", "4")
                        ROW("\"water\"", "-", "-", "street", "24") ROW("\"cover\", \"lamp\"", "-", "-",
                                "street", "12") ROW("\"noise\"", "&lt; 3", "&gt; 70", "police", "4")
                                ROW("\"noise\"", "-", "-", "environment", "48")
                                        ROW("-", "-", "-", "duty", "24") "</decisionTable>"
                                                                         "</decision></definitions>";

static const struct {
	const char *kind;
	int level;
	double value;
} cases[] = {{"gas", 1, 45}, {"gas", 2, 25.4}, {"gas", 3, 5}, {"water", 1, 90}, {"water", 2, 70.5},
        {"water", 3, 10}, {"lamp", 3, 0}, {"noise", 2, 75}, {"noise", 3, 60}, {"rubbish", 4, 1}};

int main(int argc, char **argv)
{
	struct arena *a = arena_new(0), *scratch = arena_new(0);
	struct feel_value in[ARRAY_LEN(cases)];
	struct dmn_model *m = NULL;
	struct err e = ERR_INIT;
	double seconds = 2, took;
	uint64_t n = 0, rows = 0;
	time_us began, now;

	if (argc > 1 && (!num_double(str_of(argv[1]), false, &seconds) || seconds <= 0)) {
		fprintf(stderr, "usage: dmn_bench [SECONDS]\n");
		return 2;
	}
	if (dmn_load(STR_LIT(XML), "bench", NULL, &m, &e) < 0)
		panic(__FILE__, __LINE__, "%s", e.text);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		in[i] = (struct feel_value){.type = FEEL_CONTEXT};
		feel_put(a, &in[i], STR_LIT("kind"), feel_string(str_of(cases[i].kind)));
		feel_put(a, &in[i], STR_LIT("level"), feel_int(cases[i].level));
		feel_put(a, &in[i], STR_LIT("value"), feel_double(cases[i].value));
	}
	began = now = clock_monotonic();
	while (now - began < (time_us)(seconds * 1e6)) {
		for (int k = 0; k < 1000; k++, n++) {
			struct feel_scope scope = {.context = &in[n % ARRAY_LEN(cases)]};
			struct dmn_result r;

			if (dmn_evaluate(m, "dispatch", &scope, scratch, &r, &e) < 0)
				panic(__FILE__, __LINE__, "%s", e.text);
			must(r.n == 1 && r.fired[0].row == (int)(n % ARRAY_LEN(cases)) + 1);
			rows += (uint64_t)r.n;
			arena_reset(scratch);
		}
		now = clock_monotonic();
	}
	took = (double)(now - began) / 1e6;
	printf("%.0f evaluations/s of a table of ten rows and three inputs (%llu in %.1f s)\n",
	        (double)n / took, (unsigned long long)rows, took);
	dmn_free(&m);
	arena_free(&scratch);
	arena_free(&a);
	return 0;
}
