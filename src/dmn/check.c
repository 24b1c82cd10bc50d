/*
 * What can be proved about the rows of a table from the text of their cells: numbers and ranges of them,
 * texts, true and false. A cell of another form proves nothing, so no row is accused wrongly.
 */
#include "base/num.h"
#include "dmn/dmn_int.h"

#include <math.h>

#define PARTS_MAX 32

enum cell_kind { CELL_ANY, CELL_NUMBERS, CELL_TEXTS, CELL_UNKNOWN };
struct part {
	double low, high;
	bool low_in, high_in;
	struct str text;
};
struct cell {
	enum cell_kind kind;
	struct part part[PARTS_MAX];
	int n;
};

static bool number(struct str s, double *v)
{
	return num_double(str_trim(s), false, v);
}

/* One test between commas. */
static bool read_part(struct str s, struct cell *c)
{
	struct part *p = &c->part[c->n];
	double v;

	if (c->n == PARTS_MAX || s.n == 0)
		return false;
	*p = (struct part){.low = -INFINITY, .high = INFINITY};
	if (*s.p == '"' && s.n >= 2 && s.p[s.n - 1] == '"' && memchr(s.p + 1, '"', s.n - 2) == NULL &&
	        memchr(s.p, '\\', s.n) == NULL) {
		if (c->n > 0 && c->kind != CELL_TEXTS)
			return false;
		c->kind = CELL_TEXTS;
		p->text = (struct str){s.p + 1, s.n - 2};
	} else if (str_is(s, "true") || str_is(s, "false")) {
		if (c->n > 0 && c->kind != CELL_TEXTS)
			return false;
		c->kind = CELL_TEXTS;
		p->text = s;
	} else {
		if (c->n > 0 && c->kind != CELL_NUMBERS)
			return false;
		c->kind = CELL_NUMBERS;
		if (*s.p == '<' || *s.p == '>') {
			bool in = s.n > 1 && s.p[1] == '=';

			if (!number((struct str){s.p + 1 + in, s.n - 1 - in}, &v))
				return false;
			if (*s.p == '<') {
				p->high = v;
				p->high_in = in;
			} else {
				p->low = v;
				p->low_in = in;
			}
		} else if (memchr("[](", *s.p, 3) != NULL) {
			const char *dots = memmem(s.p, s.n, "..", 2);

			if (dots == NULL || s.n < 5 ||
			        !number((struct str){s.p + 1, (size_t)(dots - s.p) - 1}, &p->low) ||
			        !number((struct str){dots + 2, (size_t)(s.p + s.n - 1 - dots) - 2}, &p->high))
				return false;
			p->low_in = *s.p == '[';
			p->high_in = s.p[s.n - 1] == ']';
		} else {
			if (!number(s, &v))
				return false;
			p->low = p->high = v;
			p->low_in = p->high_in = true;
		}
	}
	c->n++;
	return true;
}

static void read_cell(struct str s, struct cell *c)
{
	bool quoted = false;
	size_t from = 0;

	*c = (struct cell){.kind = CELL_ANY};
	s = str_trim(s);
	if (str_is(s, "-"))
		return;
	for (size_t i = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] == '"')
			quoted = !quoted;
		if (i < s.n && (quoted || s.p[i] != ','))
			continue;
		if (!read_part(str_trim((struct str){s.p + from, i - from}), c)) {
			c->kind = CELL_UNKNOWN;
			return;
		}
		from = i + 1;
	}
}

static bool parts_meet(const struct part *a, const struct part *b, bool texts)
{
	double low, high;

	if (texts)
		return str_eq(a->text, b->text);
	low = fmax(a->low, b->low);
	high = fmin(a->high, b->high);
	if (low < high)
		return true;
	return low == high && (a->low < low || a->low_in) && (b->low < low || b->low_in) &&
	       (a->high > high || a->high_in) && (b->high > high || b->high_in);
}

static bool surely_meet(const struct cell *a, const struct cell *b)
{
	if (a->kind == CELL_UNKNOWN || b->kind == CELL_UNKNOWN)
		return false;
	if (a->kind == CELL_ANY || b->kind == CELL_ANY)
		return true;
	if (a->kind != b->kind)
		return false;
	for (int i = 0; i < a->n; i++)
		for (int k = 0; k < b->n; k++)
			if (parts_meet(&a->part[i], &b->part[k], a->kind == CELL_TEXTS))
				return true;
	return false;
}

static bool rows_overlap(const struct box *b, int i, int k)
{
	struct cell x, y;

	for (int c = 0; c < b->inputs; c++) {
		read_cell(b->rule[i].in_text[c], &x);
		read_cell(b->rule[k].in_text[c], &y);
		if (!surely_meet(&x, &y))
			return false;
	}
	return true;
}

int dmn__check_unique(const struct dmn_model *m, const struct drg *d, const struct box *b, struct err *e)
{
	for (int i = 0; b->hit == HIT_UNIQUE && i < b->rules; i++)
		for (int k = i + 1; k < b->rules && b->rules <= 2000; k++)
			if (rows_overlap(b, i, k)) {
				err_set(e, ERR_INVALID,
				        "rows %d and %d of \"%s\" can both match, but the table is UNIQUE; "
				        "narrow one, or take another hit policy",
				        i + 1, k + 1, d->label);
				return err_at(e, m->file, b->rule[k].line, 0, d->id);
			}
	return 0;
}

/* ---- findings for authors ---- */

struct teller {
	void (*tell)(void *ctx, int line, const char *text);
	void *ctx;
	int n;
};

static void tell(struct teller *t, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void tell(struct teller *t, int line, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	t->n++;
	t->tell(t->ctx, line, text);
}

static bool covers(const struct cell *a, const struct cell *b)
{
	if (a->kind == CELL_ANY)
		return true;
	if (a->kind == CELL_UNKNOWN || a->kind != b->kind)
		return false;
	for (int k = 0; k < b->n; k++) {
		const struct part *y = &b->part[k];
		bool inside = false;

		for (int i = 0; i < a->n && !inside; i++) {
			const struct part *x = &a->part[i];

			inside =
			        a->kind == CELL_TEXTS
			                ? str_eq(x->text, y->text)
			                : (x->low < y->low ||
			                          (x->low == y->low && (x->low_in || !y->low_in))) &&
			                          (x->high > y->high || (x->high == y->high &&
			                                                        (x->high_in || !y->high_in)));
		}
		if (!inside)
			return false;
	}
	return true;
}

static bool row_covers(const struct box *b, int i, int k)
{
	struct cell x, y;

	for (int c = 0; c < b->inputs; c++) {
		read_cell(b->rule[i].in_text[c], &x);
		read_cell(b->rule[k].in_text[c], &y);
		if (!covers(&x, &y))
			return false;
	}
	return true;
}

/* Gaps of a table with one column of numbers: where no range begins when another ends. */
static void find_gaps(struct teller *t, const struct drg *d, const struct box *b)
{
	struct cell c;
	double reach = -INFINITY;
	bool reach_in = true, more = true;

	if (b->inputs != 1 || b->rules == 0)
		return;
	for (int i = 0; i < b->rules; i++) {
		read_cell(b->rule[i].in_text[0], &c);
		if (c.kind != CELL_NUMBERS)
			return;
	}
	while (more && reach < INFINITY) {
		double next = reach;
		bool next_in = reach_in;

		more = false;
		for (int i = 0; i < b->rules; i++) {
			read_cell(b->rule[i].in_text[0], &c);
			for (int k = 0; k < c.n; k++) {
				const struct part *p = &c.part[k];
				bool joins = p->low < reach || p->low == -INFINITY ||
				             (p->low == reach && (p->low_in || reach_in));

				if (joins &&
				        (p->high > next || (p->high == next && p->high_in && !next_in))) {
					next = p->high;
					next_in = p->high_in;
					more = true;
				}
			}
		}
		reach = next;
		reach_in = next_in;
	}
	if (reach < INFINITY)
		tell(t, b->line, "\"%s\": no row takes numbers %s %g", d->label, reach_in ? "above" : "from",
		        reach);
}

int dmn_check(const struct dmn_model *m, void (*f)(void *ctx, int line, const char *text), void *ctx)
{
	struct teller t = {f, ctx, 0};

	for (int n = 0; n < m->drgs; n++) {
		const struct drg *d = &m->drg[n];
		const struct box *b = d->box;

		if (b == NULL || b->kind != BOX_TABLE || b->rules > 2000)
			continue;
		for (int k = 0; k < b->rules; k++)
			for (int i = 0; i < k; i++) {
				if ((b->hit == HIT_FIRST || b->hit == HIT_UNIQUE) && row_covers(b, i, k)) {
					tell(&t, b->rule[k].line,
					        "\"%s\": row %d can never fire, row %d takes all that it "
					        "would",
					        d->label, k + 1, i + 1);
					break;
				}
				if (b->hit == HIT_ANY && rows_overlap(b, i, k))
					tell(&t, b->rule[k].line,
					        "\"%s\": rows %d and %d overlap and must agree", d->label,
					        i + 1, k + 1);
			}
		find_gaps(&t, d, b);
	}
	return t.n;
}
