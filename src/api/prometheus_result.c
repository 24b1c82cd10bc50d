/* What queries of Prometheus' API found, as JSON: a long answer is made of little but digits. */
#include "api/prometheus_int.h"
#include "base/crew.h"
#include "base/num.h"

#define PAIR_MOST 80 /* bytes of a pair and its comma */
#define PAIR_USUAL 28
#define LABELS_USUAL 200
#define EXPECTED_MOST (16u << 20)
#define BLOCK 64             /* pairs that room is made for at once */
#define VALUES_OF_GROUP 4000 /* that are written at once by one of the crew */

/* Digits of n at the end of text, two at a time; where they begin. */
static char *put_digits(uint64_t n, char *end)
{
	static const char two[] =
	        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	        "8081828384858687888990919293949596979899";

	for (; n >= 100; n /= 100) {
		end -= 2;
		memcpy(end, two + n % 100 * 2, 2);
	}
	if (n < 10) {
		*--end = (char)('0' + n);
		return end;
	}
	end -= 2;
	memcpy(end, two + n * 2, 2);
	return end;
}

/* Samples have three digits behind the point or none; a lone scalar or string is written as any number is. */
static size_t put_time(char *to, time_us t, bool lone)
{
	int64_t ms = t / US_MS;
	uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
	char digits[24], *p = put_digits(left / 1000, digits + sizeof(digits));
	size_t n = 0;

	left %= 1000;
	if (ms < 0)
		to[n++] = '-';
	memcpy(to + n, p, (size_t)(digits + sizeof(digits) - p));
	n += (size_t)(digits + sizeof(digits) - p);
	if (left == 0)
		return n;
	to[n++] = '.';
	to[n++] = (char)('0' + left / 100);
	to[n++] = (char)('0' + left / 10 % 10);
	to[n++] = (char)('0' + left % 10);
	while (lone && to[n - 1] == '0')
		n--;
	return n;
}

/* Behind seconds at the front of text: "," and the value in quotes. Only a lone scalar has no exponent. */
static size_t put_value(char *to, size_t n, double v, bool lone)
{
	to[n++] = ',';
	to[n++] = '"';
	n += lone ? num_format_plain(v, to + n) : num_format(v, to + n);
	to[n++] = '"';
	to[n++] = ']';
	return n;
}

static size_t put_pair(char *to, time_us t, double v, bool lone)
{
	to[0] = '[';
	return put_value(to, 1 + put_time(to + 1, t, lone), v, lone);
}

void prom__pair(struct jw *w, time_us t, double v)
{
	char text[NUM_PLAIN_MAX + PAIR_MOST];

	jw_raw(w, (struct str){text, put_pair(text, t, v, true)});
}

void prom__at(struct jw *w, time_us t)
{
	char text[32];

	jw_raw(w, (struct str){text, put_time(text, t, true)});
}

void prom__labels(struct jw *w, const struct labels *ls)
{
	jw_object(w);
	for (int i = 0; i < ls->n; i++) {
		jw_key_str(w, ls->l[i].name);
		jw_str(w, ls->l[i].value);
	}
	jw_object_end(w);
}

void prom__samples(struct jw *w, const struct promql_sample *s, size_t n)
{
	char text[PAIR_MOST];

	for (size_t i = 0; i < n; i++) {
		jw_object(w);
		jw_key(w, "metric");
		prom__labels(w, &s[i].labels);
		jw_key(w, "value");
		jw_raw(w, (struct str){text, put_pair(text, s[i].t, s[i].v, false)});
		jw_object_end(w);
	}
}

/* The steps of a query are mostly those of the line before. */
struct seconds {
	time_us t;
	uint8_t n;
	char text[23];
};
#define SECONDS 512 /* steps whose text is remembered */

static size_t put_seconds(char *to, time_us t, struct seconds *known)
{
	if (known->n == 0 || known->t != t) {
		known->t = t;
		known->n = (uint8_t)put_time(known->text, t, false);
	}
	memcpy(to, known->text, sizeof(known->text));
	return known->n;
}

/* Straight into the text's own room. */
static void write_values(struct sb *b, const struct promql_line *l, struct seconds *known)
{
	for (size_t i = 0, end; i < l->n; i = end) {
		char *to;
		size_t n = 0, most;

		end = l->n - i < BLOCK ? l->n : i + BLOCK;
		most = (end - i) * PAIR_MOST;
		to = sb_more(b, most);
		if (to == NULL)
			return;
		for (size_t k = i; k < end; k++) {
			if (k > 0)
				to[n++] = ',';
			to[n++] = '[';
			n += put_seconds(to + n, l->t[k], &known[k % SECONDS]);
			n = put_value(to, n, l->v[k], false);
		}
		to[n] = '\0';
		b->n -= most - n;
	}
}

/* Lines from … to - 1 with commas between them. */
static void write_lines(struct sb *b, const struct promql_line *l, size_t from, size_t to)
{
	struct seconds known[SECONDS];

	for (size_t i = 0; i < SECONDS; i++)
		known[i].n = 0;
	for (size_t i = from; i < to; i++) {
		struct jw w;

		sb_puts(b, i > from ? ",{\"metric\":" : "{\"metric\":");
		jw_init(&w, b);
		prom__labels(&w, &l[i].labels);
		sb_puts(b, ",\"values\":[");
		write_values(b, &l[i], known);
		sb_puts(b, "]}");
	}
}

struct group {
	size_t from, to; /* lines */
	struct sb text;
};
struct groups {
	const struct promql_line *l;
	struct group *g;
	size_t n;
};

static void write_group(void *ctx, size_t i, int hand)
{
	const struct groups *gs = ctx;
	struct group *g = &gs->g[i];

	(void)hand;
	write_lines(&g->text, gs->l, g->from, g->to);
}

/* Room for the whole, about: a long text is not moved while it grows. */
static void expect_text(struct sb *b, const struct promql_line *l, size_t n)
{
	size_t most = 0;

	for (size_t i = 0; i < n; i++)
		most += l[i].n * PAIR_USUAL + LABELS_USUAL;
	if (most < EXPECTED_MOST && (b->max == 0 || most < b->max - b->n) && sb_more(b, most) != NULL) {
		b->n -= most;
		b->p[b->n] = '\0';
	}
}

/* Groups of lines, of many values each. */
static void divide(struct groups *gs, size_t n, size_t max)
{
	size_t cap = 0, values = VALUES_OF_GROUP;

	for (size_t i = 0; i < n; i++) {
		if (values >= VALUES_OF_GROUP) {
			gs->g = xgrow(gs->g, &cap, gs->n + 1, sizeof(*gs->g));
			gs->g[gs->n++] = (struct group){.from = i, .text = {.max = max}};
			values = 0;
		}
		gs->g[gs->n - 1].to = i + 1;
		values += gs->l[i].n;
	}
}

void prom__lines(struct jw *w, const struct promql_line *l, size_t n, struct crew *crew)
{
	struct groups gs = {.l = l};

	if (n == 0)
		return;
	if (crew != NULL)
		divide(&gs, n, w->b->max);
	if (gs.n < 2) {
		jw_raw(w, STR_LIT(""));
		expect_text(w->b, l, n);
		write_lines(w->b, l, 0, n);
	} else {
		crew_run(crew, gs.n, 1, NULL, write_group, &gs);
		for (size_t i = 0; i < gs.n; i++) {
			jw_raw(w, sb_str(&gs.g[i].text));
			w->b->failed = w->b->failed || gs.g[i].text.failed;
			sb_fini(&gs.g[i].text);
		}
	}
	free(gs.g);
}
