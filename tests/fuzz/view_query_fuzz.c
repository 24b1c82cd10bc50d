#include <stdlib.h>
#include <strings.h>

#include "base/arena.h"
#include "store/view_query.h"

/* A question in SQL is answered or refused in words, within its bounds; and it says truly which views it
 * mentions: with the others filled, too, it answers the same. */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct view_column firm[] = {{"code", VIEW_TEXT}, {"staff", VIEW_INTEGER}, {"tags", VIEW_TEXT}};
static const struct view_column park[] = {{"code", VIEW_TEXT}, {"size", VIEW_REAL}};
static const struct view views[] = {{"v_firm", firm, 3}, {"v_park", park, 2}};
static const char *const params[] = {"from", NULL};

static int fill(struct view_query *q, bool all, struct err *e)
{
	const struct view_value firms[] = {{.type = VIEW_TEXT, .text = STR_LIT("f1")},
	        {.type = VIEW_INTEGER, .integer = 7}, {.type = VIEW_TEXT, .text = STR_LIT("[1,\"a\"]")}};
	const struct view_value parks[] = {
	        {.type = VIEW_TEXT, .text = STR_LIT("p1")}, {.type = VIEW_REAL, .real = 0.5}};
	int rc = 0;

	for (int i = 0; i < 3 && rc == 0; i++) {
		if (all || view_query_mentions(q, 0))
			rc = view_query_add(q, 0, firms, e);
		if (rc == 0 && (all || view_query_mentions(q, 1)))
			rc = view_query_add(q, 1, parks, e);
	}
	return rc;
}

static void put(struct sb *b, const struct view_value *v)
{
	sb_printf(b, "%d %lld %a ", (int)v->type, (long long)v->integer, v->real);
	sb_putstr(b, v->text);
	sb_putc(b, '\n');
}

static int answer(struct str sql, bool all, struct sb *out, struct err *e)
{
	const struct view_limits limits = {
	        .rows = 100, .memory_b = (size_t)4 << 20, .within = US_SECOND / 20};
	const struct view_param from = {"from", "f1"};
	struct arena *a = arena_new(0);
	struct view_query *q = NULL;
	struct view_value *row = NULL;
	int rc = view_query_open(views, 2, sql, params, &limits, &q, e);

	if (rc == 0)
		rc = fill(q, all, e);
	if (rc == 0)
		rc = view_query_run(q, &from, 1, e);
	if (rc == 0)
		row = arena_array(a, (size_t)view_query_columns(q), sizeof(*row));
	while (rc == 0 && (rc = view_query_next(q, row, e)) > 0) {
		rc = 0;
		for (int i = 0; i < view_query_columns(q); i++)
			put(out, &row[i]);
	}
	view_query_free(&q);
	arena_free(&a);
	return rc;
}

/* Of what the machine's clock says now, every answer is another. */
static bool is_of_time(const char *sql)
{
	static const char *const words[] = {"date", "time", "julian", "epoch"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasestr(sql, words[i]) != NULL)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char *sql = xstrndup((const char *)p, n);
	struct sb mentioned = {.max = 1 << 20}, all = {.max = 1 << 20};
	struct err e = ERR_INIT;
	int rc = answer((struct str){(const char *)p, n}, false, &mentioned, &e);

	must(rc == 0 || rc == ERR_INVALID || rc == ERR_TOOBIG || rc == ERR_TIMEOUT || rc == ERR_UNPROCESSED);
	must(rc == 0 || (e.code == rc && e.text[0] != '\0'));
	if (rc == 0 && answer((struct str){(const char *)p, n}, true, &all, &e) == 0 && !is_of_time(sql))
		must(mentioned.failed || str_eq(sb_str(&mentioned), sb_str(&all)));
	sb_fini(&mentioned);
	sb_fini(&all);
	free(sql);
	return 0;
}
