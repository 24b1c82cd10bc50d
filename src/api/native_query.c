/* Questions in SQL over the published views, for who works with tables: answers as JSON or CSV. */
#include "api/api_int.h"
#include "base/csv.h"
#include "base/num.h"
#include "city/view.h"

#define ANSWER_MAX ((size_t)32 << 20) /* bytes */

struct question {
	struct call *c;
	const char *sql, *reason;
	bool csv;
	struct view_query *q;
	int64_t rows;
};

/* ---- what may be asked of ---- */

static const char *type_word(enum view_type t)
{
	return t == VIEW_INTEGER ? "integer" : t == VIEW_REAL ? "real" : "text";
}

int views_get(struct call *c, struct err *e)
{
	struct jw *w = &c->w;
	int n = 0;
	const struct view *v = views_published(c->a, c->site->catalog, c->who.scope.clearance, &n);

	(void)e;
	jw_object(w);
	jw_key(w, "items");
	jw_array(w);
	for (int i = 0; i < n; i++) {
		jw_object(w);
		jw_kstr(w, "name", v[i].name);
		jw_key(w, "columns");
		jw_array(w);
		for (int k = 0; k < v[i].columns; k++) {
			jw_object(w);
			jw_kstr(w, "name", v[i].column[k].name);
			jw_kstr(w, "type", type_word(v[i].column[k].type));
			jw_object_end(w);
		}
		jw_array_end(w);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
	return 0;
}

/* ---- answers ---- */

static void write_value(struct jw *w, const struct view_value *v)
{
	switch (v->type) {
	case VIEW_INTEGER: jw_int(w, v->integer); break;
	case VIEW_REAL: jw_double(w, v->real); break;
	case VIEW_TEXT: jw_str(w, v->text); break;
	default: jw_null(w); break;
	}
}

static void put_cell(struct sb *b, const struct view_value *v, bool first)
{
	char number[64] = "";

	if (v->type == VIEW_INTEGER)
		snprintf(number, sizeof(number), "%lld", (long long)v->integer);
	else if (v->type == VIEW_REAL)
		num_format(v->real, number);
	csv_put(b, v->type == VIEW_TEXT ? v->text : str_of(number), first, true);
}

static void put_row(struct question *x, const struct view_value *row, int n)
{
	struct call *c = x->c;

	if (!x->csv)
		jw_array(&c->w);
	for (int i = 0; i < n; i++)
		if (x->csv)
			put_cell(&c->out, &row[i], i == 0);
		else
			write_value(&c->w, &row[i]);
	if (x->csv)
		csv_end(&c->out);
	else
		jw_array_end(&c->w);
	x->rows++;
}

static void put_columns(struct question *x, int n)
{
	struct call *c = x->c;

	if (x->csv)
		sb_puts(&c->out, "\xef\xbb\xbf"); /* Excel takes it for another character set otherwise */
	for (int i = 0; i < n; i++)
		if (x->csv)
			csv_put(&c->out, str_of(view_query_column(x->q, i)), i == 0, true);
		else
			jw_cstr(&c->w, view_query_column(x->q, i));
	if (x->csv)
		csv_end(&c->out);
}

static int put_rows(struct question *x, struct err *e)
{
	int n = view_query_columns(x->q), rc;
	struct view_value *row = arena_array(x->c->a, (size_t)n, sizeof(*row));

	while ((rc = view_query_next(x->q, row, e)) > 0) {
		put_row(x, row, n);
		if (x->c->out.n > ANSWER_MAX)
			return err_set(e, ERR_TOOBIG,
			        "the answer is larger than 32 MiB; sum up more, or ask for less");
	}
	return rc;
}

static int write_answer(struct question *x, struct err *e)
{
	struct call *c = x->c;
	int n = view_query_columns(x->q), rc;

	if (x->csv) {
		put_columns(x, n);
		return put_rows(x, e);
	}
	jw_object(&c->w);
	jw_key(&c->w, "columns");
	jw_array(&c->w);
	put_columns(x, n);
	jw_array_end(&c->w);
	jw_key(&c->w, "rows");
	jw_array(&c->w);
	rc = put_rows(x, e);
	jw_array_end(&c->w);
	jw_kint(&c->w, "count", x->rows);
	jw_object_end(&c->w);
	return rc;
}

/* ---- who asked ---- */

/* The words of a question may say what only its asker may know: so high is its secrecy. */
static int journal(struct store_tx *tx, void *arg, struct err *e)
{
	const struct question *x = arg;
	const struct who *who = &x->c->who;
	const char *region, *org;
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	who_reach(who, &region, &org); /* it tells how many rows there were */
	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "sql", x->sql);
	jw_kstr(&w, "format", x->csv ? "csv" : "json");
	jw_kstr(&w, "reason", x->reason);
	jw_kint(&w, "rows", x->rows);
	jw_object_end(&w);
	rc = journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = STR_LIT("query.asked"),
	                .subject = STR_LIT("query"),
	                .subject_id = str_of(who->login),
	                .region = str_of(region),
	                .org = str_of(org),
	                .secrecy = who->scope.clearance,
	                .account = str_of(who->login),
	                .payload = sb_str(&b)},
	        e);
	sb_fini(&b);
	return rc;
}

static int answer(struct question *x, struct err *e)
{
	static const char *const params[] = {"today", "now", NULL};
	struct call *c = x->c;
	struct civil now;
	char today[32], moment[64];
	const struct view_param given[] = {{"today", today}, {"now", moment}};
	const struct view_ask ask = {
	        .sql = str_of(x->sql), .params = params, .who = &c->who, .where = doc_get(c->body, "where")};
	int rc = view_ask(c->tx, c->site, &ask, c->a, &x->q, NULL, e);

	zone_civil(c->site->catalog->zone, store_now(c->tx), &now);
	snprintf(today, sizeof(today), "%04d-%02d-%02d", now.year, now.month, now.day);
	snprintf(moment, sizeof(moment), "%s %02d:%02d:%02d", today, now.hour, now.minute, now.second);
	if (rc == 0)
		rc = view_query_run(x->q, given, (int)ARRAY_LEN(given), e);
	if (rc == 0)
		rc = write_answer(x, e);
	view_query_free(&x->q);
	/* It leaves only after the entry of who asked is durable. */
	return rc < 0 ? rc : store_write(c->site->store, "note a question", journal, x, e);
}

static int ask(struct call *c, bool csv, struct err *e)
{
	struct question x = {
	        .c = c, .sql = body_text(c, "sql"), .reason = body_text(c, "reason"), .csv = csv};
	int rc = call_reason(x.reason, e);

	return rc < 0 ? rc : answer(&x, e);
}

int query_post(struct call *c, struct err *e)
{
	return ask(c, false, e);
}

int query_csv_post(struct call *c, struct err *e)
{
	c->mime = "text/csv; charset=utf-8";
	http_set_header(c->r, "Content-Disposition", "attachment; filename=\"query.csv\"");
	return ask(c, true, e);
}
