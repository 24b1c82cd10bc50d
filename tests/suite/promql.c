/*
 * promql - runs scripts of the promqltest language of the Prometheus project.
 *
 *   promql [-r] FILE… | FOLDER…
 *
 * Prints one line for each case that fails and ends in "N passed, N failed". There are no native
 * histograms here: where a script loads one, the series has a staleness marker at that time, so that
 * an instant selector finds nothing and a window has the floats only, as functions do that pass
 * histograms over. A case that meets one and does not give what is expected is an exception, with a
 * line of its own and its reason. -r runs every instant query as the middle of a range query, too.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "promql_data.h"

/* ---- a script ---- */

struct expectation {
	bool fail, ordered, no_warn, no_info;
	struct expect_text {
		char kind; /* f, w, i */
		char how;  /* 0 any, m message, r regex */
		struct str text;
	} * text;
	size_t texts, cap;
	bool has_string, has_scalar;
	struct str string;
	double scalar;
	bool matrix; /* expect range vector */
	time_us from;
	dur_us step;
	struct expect_line {
		struct labels labels;
		struct points points;
		bool seen;
	} * line;
	size_t lines, line_cap;
	bool histogram;
};

struct script {
	const char *path;
	char *text;
	struct str *line;
	size_t lines, cap, at;
	struct memory mem;
	struct arena *a; /* of one command */
	int passed, failed, excepted;
	bool as_range;
};

static void fail_at(struct script *s, size_t line, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void fail_at(struct script *s, size_t line, const char *fmt, ...)
{
	va_list ap;

	printf("%s:%zu: ", s->path, line + 1);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	s->failed++;
}

static struct str rest_after(struct str s, size_t n)
{
	return str_trim((struct str){s.p + n, s.n - n});
}

/* Cuts the first word; what is left is trimmed. */
static struct str word(struct str *s)
{
	size_t i = 0;
	struct str w;

	while (i < s->n && !is_blank(s->p[i]))
		i++;
	w = (struct str){s->p, i};
	*s = rest_after(*s, i);
	return w;
}

static bool parse_time(struct str s, time_us *out)
{
	bool negative = s.n > 0 && s.p[0] == '-';
	double sec;

	if (negative)
		s = (struct str){s.p + 1, s.n - 1};
	if (!dur_parse(s, out)) {
		if (!num_double(s, false, &sec))
			return false;
		*out = llround(sec * 1e6);
	}
	if (negative)
		*out = -*out;
	return true;
}

/* The series that `load_with_nhcb` makes of buckets beside them. */
static struct stored *nhcb_of(struct script *s, const struct labels *ls)
{
	struct str name = labels_get(ls, LABEL_NAME);
	struct labels as;

	if (name.n < 7 || memcmp(name.p + name.n - 7, "_bucket", 7) != 0)
		return NULL;
	as = labels_copy(s->a, ls, LABEL_NAME, (struct str){name.p, name.n - 7});
	as = labels_copy(s->a, &as, "le", STR_NULL);
	return mem_series(&s->mem, &as);
}

static void load_points(
        const struct points *p, const struct starts *st, dur_us step, bool as_histogram, struct stored *to)
{
	for (size_t i = 0; to != NULL && i < p->n; i++) {
		if (p->kind[i] == POINT_HISTOGRAM || (as_histogram && p->kind[i] == POINT_VALUE))
			mem_put_histogram(to, (time_us)i * step);
		else if (p->kind[i] == POINT_VALUE)
			mem_put(to, (time_us)i * step, p->v[i],
			        i < st->n && st->at[i] != NO_START ? (time_us)i * step + st->at[i] : 0);
	}
}

/* One line of a `load`; what start timestamps it tells are those of the next one. */
static void load_line(struct script *s, struct str line, dur_us step, bool nhcb, struct starts *st)
{
	size_t end = metric_end(line);
	struct str metric = {line.p, end}, rest = {line.p + end, line.n - end};
	struct points p = {0};
	struct labels ls;
	struct err e = ERR_INIT;

	if (metric.n > 3 && str_is((struct str){metric.p + metric.n - 3, 3}, "@st")) {
		metric.n -= 3;
		rest = (struct str){metric.p + metric.n, line.n - metric.n};
	}
	if (str_starts(rest, "@st")) {
		st->n = 0;
		if (!parse_starts((struct str){rest.p + 3, rest.n - 3}, st))
			fail_at(s, s->at, "load: cannot read these start timestamps");
		return;
	}
	if (!parse_metric(s->a, metric, &ls, &e) || !parse_points(str_trim(rest), &p)) {
		fail_at(s, s->at, "load: cannot read this series: %s", e.text);
	} else if (st->n > 0 && st->n != p.n) {
		fail_at(s, s->at, "load: %zu start timestamps for %zu points", st->n, p.n);
	} else {
		load_points(&p, st, step, false, mem_series(&s->mem, &ls));
		if (nhcb)
			load_points(&p, st, step, true, nhcb_of(s, &ls));
	}
	st->n = 0;
	points_free(&p);
}

static void run_load(struct script *s, struct str args, bool nhcb)
{
	size_t start = s->at - 1;
	struct starts st = {0};
	dur_us step;

	if (!parse_time(word(&args), &step)) {
		fail_at(s, start, "load: not a duration");
		return;
	}
	for (; s->at < s->lines && s->line[s->at].n > 0; s->at++)
		load_line(s, s->line[s->at], step, nhcb, &st);
	free(st.at);
}

static void expect_text(struct expectation *x, char kind, char how, struct str text)
{
	x->text = xgrow(x->text, &x->cap, x->texts + 1, sizeof *x->text);
	x->text[x->texts++] = (struct expect_text){kind, how, text};
}

static bool unquote(struct script *s, struct str text, struct str *out)
{
	struct promql_expr *x;

	if (promql_parse(s->a, text, &x, NULL) != 0 || x->root->kind != N_STRING)
		return false;
	*out = x->root->string;
	return true;
}

static bool expect_line(struct script *s, struct expectation *x, struct str line)
{
	struct str rest = line, type;
	char kind = 0, how = 0;

	if (str_starts(line, "expected_fail_message")) {
		expect_text(x, 'f', 'm', rest_after(line, strlen("expected_fail_message")));
		return true;
	}
	if (str_starts(line, "expected_fail_regexp")) {
		expect_text(x, 'f', 'r', rest_after(line, strlen("expected_fail_regexp")));
		return true;
	}
	word(&rest);
	type = word(&rest);
	if (str_is(type, "ordered")) {
		x->ordered = true;
		return true;
	}
	if (str_is(type, "no_warn")) {
		x->no_warn = true;
		return true;
	}
	if (str_is(type, "no_info")) {
		x->no_info = true;
		return true;
	}
	if (str_is(type, "string")) {
		x->has_string = true;
		return unquote(s, rest, &x->string);
	}
	if (str_is(type, "range") && str_starts(rest, "vector")) {
		time_us to;

		word(&rest);
		word(&rest);
		x->matrix = parse_time(word(&rest), &x->from);
		word(&rest);
		x->matrix = parse_time(word(&rest), &to) && x->matrix;
		word(&rest);
		return parse_time(word(&rest), &x->step) && x->matrix;
	}
	kind = str_starts(type, "fail")   ? 'f'
	       : str_starts(type, "warn") ? 'w'
	       : str_starts(type, "info") ? 'i'
	                                  : 0;
	if (kind == 0)
		return false;
	x->fail = x->fail || kind == 'f';
	if (str_starts(rest, "msg:")) {
		how = 'm';
		rest = rest_after(rest, 4);
	} else if (str_starts(rest, "regex:")) {
		how = 'r';
		rest = rest_after(rest, 6);
	}
	/* Words may stand in quotes. */
	if (how != 0 && str_starts(rest, "\""))
		(void)unquote(s, rest, &rest);
	expect_text(x, kind, how, rest);
	return true;
}

/* Not a series that is called so. */
static bool is_command(struct str line)
{
	static const char *const begins[] = {"eval ", "eval_fail ", "eval_warn ", "eval_info ",
	        "eval_ordered ", "load ", "load_with_nhcb "};

	for (size_t i = 0; i < ARRAY_LEN(begins); i++)
		if (str_starts(line, begins[i]))
			return true;
	return str_is(line, "clear");
}

static bool read_expectation(struct script *s, struct expectation *x)
{
	for (; s->at < s->lines && s->line[s->at].n > 0; s->at++) {
		struct str line = s->line[s->at];
		size_t end;
		struct expect_line *l;
		struct err e = ERR_INIT;
		struct str number = line;

		if (str_starts(line, "expect ") || str_starts(line, "expected_fail")) {
			if (!expect_line(s, x, line)) {
				fail_at(s, s->at, "cannot read this expectation: " STR_FMT, STR_ARG(line));
				return false;
			}
			continue;
		}
		if (is_command(line))
			return true;
		if (take_number(&number, &x->scalar) && number.n == 0) {
			x->has_scalar = true;
			continue;
		}
		x->line = xgrow(x->line, &x->line_cap, x->lines + 1, sizeof *x->line);
		l = &x->line[x->lines++];
		*l = (struct expect_line){0};
		end = metric_end(line);
		if (!parse_metric(s->a, (struct str){line.p, end}, &l->labels, &e) ||
		        !parse_points(rest_after(line, end), &l->points)) {
			fail_at(s, s->at, "cannot read this series: %s", e.text);
			return false;
		}
		x->histogram = x->histogram || l->points.histogram;
	}
	return true;
}

static void expectation_free(struct expectation *x)
{
	for (size_t i = 0; i < x->lines; i++)
		points_free(&x->line[i].points);
	free(x->line);
	free(x->text);
}

/* ---- comparison ---- */

static bool near(double want, double got)
{
	double sum, diff;

	if (is_absent(want) || is_absent(got))
		return is_absent(want) && is_absent(got);
	if (isnan(want) || isnan(got))
		return isnan(want) && isnan(got);
	if (want == got)
		return true;
	sum = fabs(want) + fabs(got);
	diff = fabs(want - got);
	if (want == 0 || got == 0 || sum < 2.2250738585072014e-308)
		return diff < 1e-6 * 2.2250738585072014e-308;
	return diff / fmin(sum, 1.7976931348623157e308) < 1e-6;
}

/* An annotation without its place in the query, ` (1:20)`: scripts of the project do not know it. */
static struct str without_place(struct str s)
{
	size_t n = s.n;

	if (n == 0 || s.p[n - 1] != ')')
		return s;
	for (n--; n > 0 && (s.p[n - 1] == ':' || (s.p[n - 1] >= '0' && s.p[n - 1] <= '9'));)
		n--;
	return n > 1 && s.p[n - 1] == '(' && s.p[n - 2] == ' ' ? (struct str){s.p, n - 2} : s;
}

static bool text_fits(struct script *s, const struct expect_text *want, struct str got)
{
	struct matcher m;
	struct sb b = SB_INIT;
	bool ok = true;

	if (want->how == 'm')
		return str_eq(want->text, got) ||
		       (want->kind != 'f' && str_eq(want->text, without_place(got)));
	if (want->how == 'r') {
		sb_printf(&b, "(?:.*)(?:" STR_FMT ")(?:.*)", STR_ARG(want->text));
		ok = matcher_init(&m, s->a, MATCH_RE, STR_LIT("x"), sb_str(&b), NULL) == 0 &&
		     (matcher_matches(&m, got) ||
		             (want->kind != 'f' && matcher_matches(&m, without_place(got))));
		sb_fini(&b);
	}
	return ok;
}

/* The words of what does not fit among annotations of one kind; NULL if all do. */
static const char *check_notes(
        struct script *s, const struct expectation *x, char kind, const struct str *got, size_t n)
{
	bool any = false;

	if ((kind == 'w' ? x->no_warn : x->no_info) && n > 0)
		return arena_printf(s->a, "unexpected annotation: " STR_FMT, STR_ARG(got[0]));
	for (size_t i = 0; i < x->texts; i++) {
		bool met = false;

		if (x->text[i].kind != kind)
			continue;
		any = true;
		for (size_t k = 0; k < n; k++)
			met = met || text_fits(s, &x->text[i], got[k]);
		if (!met)
			return arena_printf(s->a, "no %s like: " STR_FMT "%s" STR_FMT,
			        kind == 'w' ? "warning" : "info", STR_ARG(x->text[i].text),
			        n > 0 ? ", but: " : "", n > 0 ? (int)got[0].n : 0, n > 0 ? got[0].p : "");
	}
	for (size_t k = 0; any && k < n; k++) {
		bool met = false;

		for (size_t i = 0; i < x->texts; i++)
			met = met || (x->text[i].kind == kind && text_fits(s, &x->text[i], got[k]));
		if (!met)
			return arena_printf(s->a, "unexpected annotation: " STR_FMT, STR_ARG(got[k]));
	}
	return NULL;
}

static const char *labels_words(struct script *s, const struct labels *ls)
{
	struct sb b = SB_INIT;
	char *words;

	labels_write(&b, ls);
	words = arena_strdup(s->a, b.p);
	sb_fini(&b);
	return words;
}

static const char *check_samples(struct script *s, struct expectation *x, const struct promql_result *r)
{
	if (r->type == PROMQL_SCALAR) {
		if (!x->has_scalar)
			return x->lines > 0 ? "expected a vector, got a scalar" : NULL;
		return near(x->scalar, r->scalar)
		               ? NULL
		               : arena_printf(s->a, "expected %.17g, got %.17g", x->scalar, r->scalar);
	}
	if (r->type == PROMQL_STRING)
		return !x->has_string || !str_eq(x->string, r->string) ? "another string" : NULL;
	if (x->has_scalar || x->has_string)
		return "expected a scalar or string, got a vector";
	for (size_t i = 0; i < r->n; i++) {
		struct expect_line *l = NULL;
		size_t k = 0;

		for (; k < x->lines && l == NULL; k++)
			if (!x->line[k].seen && labels_equal(&x->line[k].labels, &r->sample[i].labels))
				l = &x->line[k];
		if (l == NULL)
			return arena_printf(s->a, "unexpected %s %.17g",
			        labels_words(s, &r->sample[i].labels), r->sample[i].v);
		if (x->ordered && k - 1 != i)
			return arena_printf(s->a, "%s at place %zu, expected at %zu",
			        labels_words(s, &l->labels), i + 1, k);
		l->seen = true;
		if (l->points.n == 0 || !near(l->points.v[0], r->sample[i].v))
			return arena_printf(s->a, "%s is %.17g, expected %.17g", labels_words(s, &l->labels),
			        r->sample[i].v, l->points.n ? l->points.v[0] : NAN);
	}
	for (size_t k = 0; k < x->lines; k++)
		if (!x->line[k].seen)
			return arena_printf(s->a, "missing %s", labels_words(s, &x->line[k].labels));
	return NULL;
}

static const char *check_lines(
        struct script *s, struct expectation *x, const struct promql_result *r, time_us from, dur_us step)
{
	for (size_t i = 0; i < r->n; i++) {
		struct expect_line *l = NULL;
		size_t k = 0;

		for (size_t j = 0; j < x->lines && l == NULL; j++)
			if (labels_equal(&x->line[j].labels, &r->line[i].labels))
				l = &x->line[j];
		if (l == NULL)
			return arena_printf(s->a, "unexpected %s, first %.17g at %lld s",
			        labels_words(s, &r->line[i].labels), r->line[i].v[0],
			        (long long)(r->line[i].t[0] / US_SECOND));
		l->seen = true;
		for (size_t j = 0; j < l->points.n; j++) {
			time_us t = from + (time_us)j * step;

			if (l->points.kind[j] != POINT_VALUE)
				continue;
			if (k == r->line[i].n || r->line[i].t[k] != t)
				return arena_printf(s->a, "%s: expected %.17g at step %zu, got %s",
				        labels_words(s, &l->labels), l->points.v[j], j,
				        k == r->line[i].n ? "nothing more" : "another time");
			if (!near(l->points.v[j], r->line[i].v[k]))
				return arena_printf(s->a, "%s at step %zu is %.17g, expected %.17g",
				        labels_words(s, &l->labels), j, r->line[i].v[k], l->points.v[j]);
			k++;
		}
		if (k < r->line[i].n)
			return arena_printf(s->a, "%s: unexpected %.17g at %lld s",
			        labels_words(s, &l->labels), r->line[i].v[k],
			        (long long)(r->line[i].t[k] / US_SECOND));
	}
	for (size_t k = 0; k < x->lines; k++) {
		bool any = false;

		for (size_t j = 0; j < x->line[k].points.n; j++)
			any = any || x->line[k].points.kind[j] == POINT_VALUE;
		if (any && !x->line[k].seen)
			return arena_printf(s->a, "missing %s", labels_words(s, &x->line[k].labels));
	}
	return NULL;
}

/* The middle of a range result as if it were an instant one. */
static const char *check_middle(struct script *s, struct expectation *x, struct promql_result *r, time_us t)
{
	struct promql_result at = {.type = PROMQL_VECTOR};

	if (x->has_string || x->ordered)
		return NULL;
	if (x->has_scalar) {
		for (size_t k = 0; r->n == 1 && k < r->line[0].n; k++)
			if (r->line[0].t[k] == t && near(x->scalar, r->line[0].v[k]))
				return NULL;
		return "as a range: another scalar";
	}
	for (size_t k = 0; k < x->lines; k++)
		x->line[k].seen = false;
	at.sample = arena_array(s->a, r->n, sizeof *at.sample);
	for (size_t i = 0; i < r->n; i++)
		for (size_t k = 0; k < r->line[i].n; k++)
			if (r->line[i].t[k] == t)
				at.sample[at.n++] =
				        (struct promql_sample){r->line[i].labels, t, r->line[i].v[k]};
	return check_samples(s, x, &at);
}

/* ---- eval ---- */

static const char *check_failure(
        struct script *s, const struct expectation *x, const struct err *e, bool parsed)
{
	char *got = parsed ? arena_strdup(s->a, e->text)
	                   : arena_printf(s->a, "%d:%d: parse error: %s", e->line, e->column, e->text);

	if (!x->fail)
		return got;
	for (size_t i = 0; i < x->texts; i++)
		if (x->text[i].kind == 'f' && !text_fits(s, &x->text[i], str_of(got)))
			return arena_printf(s->a, "failed with other words: %s", got);
	return NULL;
}

static void run_eval(struct script *s, struct str args, struct str how)
{
	size_t start = s->at - 1;
	struct str query;
	bool range, ok = true;
	time_us from = 0, to = 0;
	dur_us step = 0;
	struct expectation x = {0};
	struct promql_storage storage = {&s->mem, mem_open, mem_next, mem_close};
	struct promql_options o = {.storage = &storage};
	struct promql_expr *expr = NULL;
	struct promql_result r = {0};
	struct err e = ERR_INIT;
	const char *why = NULL;
	int rc;

	if (str_is(how, "fail"))
		x.fail = true;
	else if (str_is(how, "ordered"))
		x.ordered = true;
	else if (how.n > 0)
		expect_text(&x, how.p[0], 0, STR_NULL);
	range = str_is(word(&args), "range");
	if (range || str_starts(args, "at ") || str_starts(args, "at\t")) {
		word(&args); /* at, from */
		ok = parse_time(word(&args), &from);
	}
	if (range) {
		word(&args);
		ok = parse_time(word(&args), &to) && ok;
		word(&args);
		ok = parse_time(word(&args), &step) && ok;
	}
	query = args;
	if (!ok) {
		fail_at(s, start, "eval: not a time");
		expectation_free(&x);
		return;
	}
	if (!read_expectation(s, &x)) {
		expectation_free(&x);
		return;
	}
	s->mem.touched = false;
	rc = promql_parse(s->a, query, &expr, &e);
	if (rc == 0)
		rc = range ? promql_range(expr, &o, from, to, step, s->a, &r, &e)
		           : promql_instant(expr, &o, from, s->a, &r, &e);
	if (rc != 0)
		why = check_failure(s, &x, &e, expr != NULL);
	else if (x.fail)
		why = "expected to fail";
	if (rc == 0 && why == NULL) {
		why = check_notes(s, &x, 'w', r.warning, r.warnings);
		if (why == NULL)
			why = check_notes(s, &x, 'i', r.info, r.infos);
		if (why == NULL && range)
			why = check_lines(s, &x, &r, from, step);
		else if (why == NULL && r.type == PROMQL_MATRIX)
			why = check_lines(s, &x, &r, x.matrix ? x.from : from, x.matrix ? x.step : US_MINUTE);
		else if (why == NULL)
			why = check_samples(s, &x, &r);
		if (why == NULL && s->as_range && !range && r.type != PROMQL_MATRIX &&
		        r.type != PROMQL_STRING) {
			rc = promql_range(
			        expr, &o, from - US_MINUTE, from + US_MINUTE, US_MINUTE, s->a, &r, &e);
			why = rc != 0 ? arena_printf(s->a, "as a range: %s", e.text)
			              : check_middle(s, &x, &r, from);
		}
	}
	if (why == NULL && x.histogram)
		why = "a histogram is expected";
	if (why == NULL) {
		s->passed++;
	} else if (x.histogram || s->mem.touched) {
		s->excepted++;
		printf("%s:%zu: exception, %s a native histogram: " STR_FMT ": %s\n", s->path, start + 1,
		        x.histogram ? "expects" : "selects", STR_ARG(query), why);
	} else {
		fail_at(s, start, STR_FMT ": %s", STR_ARG(query), why);
	}
	expectation_free(&x);
}

static bool read_script(struct script *s)
{
	FILE *f = fopen(s->path, "rb");
	struct sb b = SB_INIT;
	char buf[4096];
	size_t n;
	struct str rest;

	if (f == NULL) {
		printf("%s: cannot be read\n", s->path);
		return false;
	}
	while ((n = fread(buf, 1, sizeof buf, f)) > 0)
		sb_put(&b, buf, n);
	fclose(f);
	s->text = sb_detach(&b, &n);
	rest = (struct str){s->text, n};
	while (rest.p != NULL) {
		struct str line = str_trim(str_cut(&rest, '\n'));

		if (line.n > 0 && line.p[0] == '#')
			line.n = 0;
		s->line = xgrow(s->line, &s->cap, s->lines + 1, sizeof *s->line);
		s->line[s->lines++] = line;
	}
	return true;
}

static bool run_script(const char *path, bool as_range, int *passed, int *failed, int *excepted)
{
	struct script s = {.path = path, .as_range = as_range};
	bool ok = read_script(&s);

	s.mem.a = arena_new(0);
	while (s.at < s.lines) {
		struct str line = s.line[s.at++], rest = line, cmd;

		if (line.n == 0)
			continue;
		s.a = arena_new(0);
		cmd = word(&rest);
		if (str_is(cmd, "clear"))
			mem_clear(&s.mem);
		else if (str_is(cmd, "load") || str_is(cmd, "load_with_nhcb"))
			run_load(&s, rest, !str_is(cmd, "load"));
		else if (str_is(cmd, "eval") || str_starts(cmd, "eval_"))
			run_eval(&s, rest, cmd.n > 5 ? (struct str){cmd.p + 5, cmd.n - 5} : STR_NULL);
		else
			fail_at(&s, s.at - 1, "not a command: " STR_FMT, STR_ARG(line));
		arena_free(&s.a);
	}
	mem_clear(&s.mem);
	arena_free(&s.mem.a);
	free(s.mem.s);
	free(s.line);
	free(s.text);
	*passed += s.passed;
	*failed += s.failed + !ok;
	*excepted += s.excepted;
	return ok && s.failed == 0;
}

static int is_script(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && strcmp(d->d_name + n - 5, ".test") == 0;
}

int main(int argc, char **argv)
{
	int passed = 0, failed = 0, excepted = 0;
	bool as_range = false;

	for (int i = 1; i < argc; i++) {
		struct dirent **found = NULL;
		int n;

		if (strcmp(argv[i], "-r") == 0) {
			as_range = true;
			continue;
		}
		n = scandir(argv[i], &found, is_script, alphasort);
		if (n < 0)
			run_script(argv[i], as_range, &passed, &failed, &excepted);
		for (int k = 0; k < n; k++) {
			char *path = xasprintf("%s/%s", argv[i], found[k]->d_name);

			run_script(path, as_range, &passed, &failed, &excepted);
			free(path);
			free(found[k]);
		}
		free(found);
	}
	if (excepted > 0)
		printf("%d exceptions: native histograms\n", excepted);
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0;
}
