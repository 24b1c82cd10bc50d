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
#include "promql/promql_int.h"

/* ---- storage in memory ---- */

struct stored {
	struct labels labels;
	time_us *t;
	double *v;
	size_t n, cap_t, cap_v;
	time_us *h; /* where native histograms were to be */
	size_t n_h, cap_h;
};
struct memory {
	struct arena *a;
	struct stored *s;
	size_t n, cap;
	bool touched; /* a query met a histogram */
};
struct promql_cursor {
	struct memory *mem;
	const struct matcher *m;
	int n;
	time_us from, to;
	size_t at;
};

static int mem_open(void *ctx, const struct matcher *m, int n, time_us from, time_us to, struct arena *a,
        struct promql_cursor **out, struct err *e)
{
	(void)a;
	(void)e;
	*out = xcalloc(1, sizeof **out);
	**out = (struct promql_cursor){ctx, m, n, from, to, 0};
	return 0;
}

static int mem_next(struct promql_cursor *c, struct promql_series *out, struct err *e)
{
	(void)e;
	while (c->at < c->mem->n) {
		const struct stored *s = &c->mem->s[c->at++];
		size_t lo = 0, hi = s->n;

		if (!matchers_match(c->m, c->n, &s->labels))
			continue;
		for (size_t i = 0; i < s->n_h; i++)
			c->mem->touched = c->mem->touched || (s->h[i] >= c->from && s->h[i] <= c->to);
		while (lo < hi && s->t[lo] < c->from)
			lo++;
		while (hi > lo && s->t[hi - 1] > c->to)
			hi--;
		*out = (struct promql_series){s->labels, s->t + lo, s->v + lo, hi - lo};
		return 1;
	}
	return 0;
}

static void mem_close(struct promql_cursor *c)
{
	free(c);
}

static void mem_clear(struct memory *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->s[i].t);
		free(m->s[i].v);
		free(m->s[i].h);
	}
	m->n = 0;
	arena_free(&m->a);
	m->a = arena_new(0);
}

static struct stored *mem_series(struct memory *m, const struct labels *ls)
{
	for (size_t i = 0; i < m->n; i++)
		if (labels_equal(&m->s[i].labels, ls))
			return &m->s[i];
	m->s = xgrow(m->s, &m->cap, m->n + 1, sizeof *m->s);
	m->s[m->n] = (struct stored){.labels = labels_copy(m->a, ls, NULL, STR_NULL)};
	return &m->s[m->n++];
}

static void mem_put(struct stored *s, time_us t, double v)
{
	size_t at = s->n;

	while (at > 0 && s->t[at - 1] >= t)
		at--;
	if (at < s->n && s->t[at] == t) {
		s->v[at] = v;
		return;
	}
	s->t = xgrow(s->t, &s->cap_t, s->n + 1, sizeof *s->t);
	s->v = xgrow(s->v, &s->cap_v, s->n + 1, sizeof *s->v);
	memmove(s->t + at + 1, s->t + at, (s->n - at) * sizeof *s->t);
	memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof *s->v);
	s->t[at] = t;
	s->v[at] = v;
	s->n++;
}

static void mem_put_histogram(struct stored *s, time_us t)
{
	mem_put(s, t, absent());
	s->h = xgrow(s->h, &s->cap_h, s->n_h + 1, sizeof *s->h);
	s->h[s->n_h++] = t;
}

/* ---- series and their points as written ---- */

enum point { POINT_VALUE, POINT_NONE, POINT_HISTOGRAM };
struct points {
	enum point *kind;
	double *v;
	size_t n, cap_k, cap_v;
	bool histogram;
};

static void points_add(struct points *p, enum point kind, double v)
{
	p->kind = xgrow(p->kind, &p->cap_k, p->n + 1, sizeof *p->kind);
	p->v = xgrow(p->v, &p->cap_v, p->n + 1, sizeof *p->v);
	p->kind[p->n] = kind;
	p->v[p->n++] = v;
	p->histogram = p->histogram || kind == POINT_HISTOGRAM;
}

static void points_free(struct points *p)
{
	free(p->kind);
	free(p->v);
	*p = (struct points){0};
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Where the name and labels end and the points begin. */
static size_t metric_end(struct str s)
{
	char quote = 0;
	bool braces = false;
	size_t i;

	for (i = 0; i < s.n; i++) {
		if (quote != 0) {
			if (s.p[i] == '\\' && quote != '`')
				i++;
			else if (s.p[i] == quote)
				quote = 0;
		} else if (braces && strchr("\"'`", s.p[i]) != NULL) {
			quote = s.p[i];
		} else if (s.p[i] == '{') {
			/* {{ begins a histogram, not labels. */
			if (i + 1 < s.n && s.p[i + 1] == '{')
				break;
			braces = true;
		} else if (s.p[i] == '}') {
			braces = false;
			i++;
			break;
		} else if (is_blank(s.p[i]) && !braces) {
			size_t k = i;

			while (k < s.n && is_blank(s.p[k]))
				k++;
			if (k < s.n && s.p[k] == '{' && !(k + 1 < s.n && s.p[k + 1] == '{'))
				i = k - 1;
			else
				break;
		}
	}
	return i < s.n ? i : s.n;
}

static bool parse_metric(struct arena *a, struct str text, struct labels *out, struct err *e)
{
	struct promql_expr *x;
	const struct node *sel;
	struct str inner = str_trim(text);

	*out = LABELS_NONE;
	if (str_is(inner, "{}"))
		return true;
	if (promql_parse(a, inner, &x, e) != 0)
		return false;
	sel = node_bare(x->root);
	if (sel->kind != N_SELECTOR) {
		err_set(e, ERR_INVALID, "not a series");
		return false;
	}
	out->l = arena_array(a, (size_t)sel->n_m, sizeof *out->l);
	for (int i = 0; i < sel->n_m; i++)
		out->l[out->n++] = (struct label){sel->m[i].name, sel->m[i].value};
	return labels_sort(out, e) == 0;
}

/* A number without sign lexed from the front of *s: hexadecimal is not taken, so that 0x3 is 0 four times. */
static bool take_number(struct str *s, double *out)
{
	size_t i = 0;

	if (i < s->n && (s->p[i] == '+' || s->p[i] == '-'))
		i++;
	if (s->n - i >= 3 && (strncasecmp(s->p + i, "inf", 3) == 0 || strncasecmp(s->p + i, "nan", 3) == 0)) {
		i += 3;
	} else {
		while (i < s->n && ((s->p[i] >= '0' && s->p[i] <= '9') || s->p[i] == '.' || s->p[i] == '_'))
			i++;
		if (i < s->n && (s->p[i] | 32) == 'e') {
			i++;
			if (i < s->n && (s->p[i] == '+' || s->p[i] == '-'))
				i++;
			while (i < s->n && s->p[i] >= '0' && s->p[i] <= '9')
				i++;
		}
	}
	if (i == 0)
		return false;
	char *text = xstrndup(s->p, i), *end;

	*out = strtod(text, &end);
	bool ok = end != text && *end == '\0';

	free(text);
	*s = (struct str){s->p + i, s->n - i};
	return ok;
}

static bool take_count(struct str *s, size_t *n)
{
	int64_t v;

	if (s->n < 2 || s->p[0] != 'x' || !num_int((struct str){s->p + 1, s->n - 1}, &v) || v < 0 ||
	        v > 10000000)
		return false;
	*n = (size_t)v;
	*s = (struct str){s->p + s->n, 0};
	return true;
}

static bool parse_point(struct str item, struct points *p)
{
	double a, b = 0;
	size_t n = 0;
	struct str s = item;

	if (str_starts(s, "_")) {
		s = (struct str){s.p + 1, s.n - 1};
		n = 1;
		if (s.n > 0 && !take_count(&s, &n))
			return false;
		while (n-- > 0)
			points_add(p, POINT_NONE, 0);
		return true;
	}
	if (str_starts(s, "stale")) {
		s = (struct str){s.p + 5, s.n - 5};
		if (s.n > 0 && !take_count(&s, &n))
			return false;
		for (size_t i = 0; i <= n; i++)
			points_add(p, POINT_VALUE, absent());
		return true;
	}
	if (!take_number(&s, &a))
		return false;
	if (s.n > 0 && (s.p[0] == '+' || s.p[0] == '-') && !take_number(&s, &b))
		return false;
	if (s.n > 0 && !take_count(&s, &n))
		return false;
	if (s.n > 0)
		return false;
	/* As Prometheus builds them: by repeated addition. */
	for (size_t i = 0; i <= n; i++, a += b)
		points_add(p, POINT_VALUE, a);
	return true;
}

static bool parse_points(struct str s, struct points *p)
{
	size_t i = 0;

	for (;;) {
		size_t from;

		while (i < s.n && is_blank(s.p[i]))
			i++;
		if (i >= s.n)
			return true;
		from = i;
		if (i + 1 < s.n && s.p[i] == '{' && s.p[i + 1] == '{') {
			size_t more = 0;

			/* {{…}}, {{…}}x3 or {{…}}+{{…}}x3, with blanks inside the braces. */
			while (i < s.n && !is_blank(s.p[i])) {
				if (s.p[i] == '{')
					while (i + 1 < s.n && !(s.p[i] == '}' && s.p[i + 1] == '}'))
						i++;
				if (s.p[i] == 'x')
					from = i;
				i++;
			}
			if (s.p[from] == 'x') {
				struct str count = {s.p + from, i - from};

				if (!take_count(&count, &more))
					return false;
			}
			for (size_t k = 0; k <= more; k++)
				points_add(p, POINT_HISTOGRAM, 0);
			continue;
		}
		while (i < s.n && !is_blank(s.p[i]))
			i++;
		if (!parse_point((struct str){s.p + from, i - from}, p))
			return false;
	}
}

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

static void load_points(const struct points *p, dur_us step, bool as_histogram, struct stored *to)
{
	for (size_t i = 0; to != NULL && i < p->n; i++) {
		if (p->kind[i] == POINT_HISTOGRAM || (as_histogram && p->kind[i] == POINT_VALUE))
			mem_put_histogram(to, (time_us)i * step);
		else if (p->kind[i] == POINT_VALUE)
			mem_put(to, (time_us)i * step, p->v[i]);
	}
}

static void run_load(struct script *s, struct str args, bool nhcb)
{
	size_t start = s->at - 1;
	dur_us step;

	if (!parse_time(word(&args), &step)) {
		fail_at(s, start, "load: not a duration");
		return;
	}
	for (; s->at < s->lines && s->line[s->at].n > 0; s->at++) {
		struct str line = s->line[s->at];
		size_t end = metric_end(line);
		struct points p = {0};
		struct labels ls;
		struct err e = ERR_INIT;

		if (!parse_metric(s->a, (struct str){line.p, end}, &ls, &e) ||
		        !parse_points(rest_after(line, end), &p)) {
			fail_at(s, s->at, "load: cannot read this series: %s", e.text);
			points_free(&p);
			continue;
		}
		load_points(&p, step, false, mem_series(&s->mem, &ls));
		if (nhcb)
			load_points(&p, step, true, nhcb_of(s, &ls));
		points_free(&p);
	}
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
	if (range || str_starts(args, "at ")) {
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
