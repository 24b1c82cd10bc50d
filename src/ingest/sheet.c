#include "ingest/sheet.h"
#include "base/csv.h"
#include "base/num.h"
#include "ingest/mapping_int.h"
#include "ingest/timescan.h"

#define NUMBER_BYTES 64

struct sheet {
	const struct mapping *m;
	const struct zone *zone;
	struct sheet_things things;
	struct csv csv;
	int columns;                      /* of the row with the names; 0: there is none */
	int *time, thing, metric, *value; /* places of columns */
	int64_t gaps;
};

int64_t sheet_gaps(const struct sheet *s)
{
	return s->gaps;
}

/* ---- columns ---- */

static int place_of(const struct csv *head, const char *name)
{
	for (int i = 0; i < head->fields; i++)
		if (str_is(str_trim(head->field[i]), name))
			return i;
	return -1;
}

static int find_column(const struct sheet *s, const char *name, int *out, struct err *e)
{
	int64_t number;

	if (s->m->header)
		*out = place_of(&s->csv, name);
	else
		*out = num_int(str_of(name), &number) && number >= 1 && number <= 10000 ? (int)number - 1
		                                                                        : -1;
	if (*out >= 0)
		return 0;
	if (!s->m->header)
		return err_set(
		        e, ERR_INVALID, "\"%s\" is no number of a column; they are counted from 1", name);
	return err_set(e, ERR_INVALID, "the row with the names has no \"%s\"", name);
}

static int find_columns(struct arena *a, struct sheet *s, struct err *e)
{
	const struct mapping *m = s->m;
	int rc = 0;

	s->time = arena_array(a, (size_t)m->times, sizeof(*s->time));
	s->value = arena_array(a, (size_t)m->values, sizeof(*s->value));
	for (int i = 0; rc == 0 && i < m->times; i++)
		rc = find_column(s, m->time[i], &s->time[i], e);
	for (int i = 0; rc == 0 && i < m->values; i++)
		rc = find_column(s, m->value[i].column, &s->value[i], e);
	if (rc == 0 && m->code.p == NULL)
		rc = find_column(s, m->thing, &s->thing, e);
	if (rc == 0 && m->metric != NULL)
		rc = find_column(s, m->metric, &s->metric, e);
	return rc;
}

/* ---- without a mapping ---- */

static const char *usual(struct arena *a, const struct csv *head, const char *const *names)
{
	for (; *names != NULL; names++)
		for (int i = 0; i < head->fields; i++) {
			struct str f = str_trim(head->field[i]);

			if (f.n == strlen(*names) && strncasecmp(f.p, *names, f.n) == 0)
				return arena_strndup(a, f.p, f.n);
		}
	return NULL;
}

static struct mapping *mapping_of_names(struct arena *a, const struct csv *head, struct err *e)
{
	static const char *const times[] = {"time", "timestamp", "ts", "datetime", "date", "时间", "采集时间",
	        "监测时间", "数据时间", "日期时间", "日期", NULL},
	                         *const things[] = {"thing", "device", "code", "station", "设备编号",
	                                 "设备编码", "编号", "编码", "设备", "点位", "测点", "站点", NULL},
	                         *const metrics[] = {"metric", "item", "parameter", "指标", "参数", "监测项",
	                                 NULL},
	                         *const values[] = {"value", "v", "值", "数值", "监测值", NULL};
	struct mapping *m = mapping__new(a, NULL);

	m->time = arena_array(a, 1, sizeof(*m->time));
	m->time[0] = usual(a, head, times);
	m->times = 1;
	m->thing = usual(a, head, things);
	m->metric = usual(a, head, metrics);
	if (m->time[0] == NULL || m->thing == NULL) {
		err_set(e, ERR_INVALID,
		        "the first row names no time, or no thing (\"time\" and \"thing\" would do); a "
		        "mapping says "
		        "which columns they are");
		return NULL;
	}
	m->value = arena_array(a, (size_t)head->fields, sizeof(*m->value));
	if (m->metric != NULL) {
		m->value[m->values++] = (struct value_column){usual(a, head, values), STR_NULL, 1, 0, false};
		if (m->value[0].column != NULL)
			return m;
		err_set(e, ERR_INVALID, "the first row names a metric, but no value");
		return NULL;
	}
	for (int i = 0; i < head->fields; i++) {
		struct str f = str_trim(head->field[i]);
		const char *name = arena_strndup(a, f.p, f.n);

		if (f.n > 0 && !str_is(f, m->time[0]) && !str_is(f, m->thing))
			m->value[m->values++] = (struct value_column){name, str_of(name), 1, 0, false};
	}
	return m;
}

int sheet_open(struct arena *a, const struct mapping *m, struct str text, const struct zone *zone,
        const struct sheet_things *things, struct sheet **out, struct err *e)
{
	struct sheet *s = *out = arena_alloc(a, sizeof(*s));
	int skip = m != NULL ? m->skip : 0, skipped = 0;

	for (; skipped < skip && text.p != NULL; skipped++)
		str_cut(&text, '\n');
	csv_init(&s->csv, text, m != NULL ? m->separator : ',');
	s->csv.next_line += skipped;
	if (things != NULL)
		s->things = *things;
	s->m = m;
	if (m == NULL || m->header) {
		int n = csv_row(&s->csv, a);

		if (n <= 0)
			return err_set(e, ERR_INVALID,
			        "the file has no row with the names of its columns%s%s", n < 0 ? ": " : "",
			        n < 0 ? s->csv.bad : "");
		s->columns = n;
	}
	if (m == NULL)
		s->m = mapping_of_names(a, &s->csv, e);
	if (s->m == NULL)
		return ERR_INVALID;
	s->zone = s->m->zone != NULL ? s->m->zone : zone;
	if (s->m->zone != NULL)
		s->things.zone = NULL;
	return find_columns(a, s, e);
}

/* ---- rows ---- */

static void refuse(const struct sheet *s, struct arena *row, struct readings *out, enum refusal why,
        const char *column, const char *words)
{
	struct payload_bad *more =
	        arena_grow(row, out->bad, &out->bad_cap, (size_t)out->bads + 1, sizeof(*out->bad));

	if (more == NULL)
		return;
	out->bad = more;
	if (column != NULL)
		words = arena_printf(row, "%.64s: %s", column, words);
	out->bad[out->bads++] = (struct payload_bad){s->csv.line, why, words != NULL ? words : "refused"};
}

static struct str field(const struct sheet *s, int place)
{
	return place < s->csv.fields ? str_trim(s->csv.field[place]) : STR_LIT("");
}

/* Goes on behind the line at fault: it ends no file. */
static void step_over(struct sheet *s)
{
	str_cut(&s->csv.rest, '\n');
	if (s->csv.rest.p == NULL)
		s->csv.rest = STR_LIT("");
	s->csv.bad = NULL;
	s->csv.next_line = s->csv.line + 1;
}

static bool is_none(const struct sheet *s, struct str word)
{
	for (int i = 0; i < s->m->nones; i++)
		if (str_is(word, s->m->none[i]))
			return true;
	return word.n == 0;
}

static bool find_pair(const struct pairs *pairs, struct str from, struct str *to)
{
	for (int i = 0; i < pairs->n; i++)
		if (str_eq(pairs->p[i].from, from)) {
			*to = pairs->p[i].to;
			return true;
		}
	return false;
}

/* As spreadsheets write times, where nothing else is said. */
static const char *const usual_formats[] = {"%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M",
        "%Y/%m/%d", "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日 %H时", "%Y年%m月%d日"};

static bool read_time(const struct sheet *s, struct arena *row, const struct zone *zone, time_us *t)
{
	struct str text = field(s, s->time[0]);

	for (int i = 1; i < s->m->times; i++) {
		struct str next = field(s, s->time[i]);

		text = str_of(arena_printf(row, STR_FMT " " STR_FMT, STR_ARG(text), STR_ARG(next)));
	}
	if (s->m->format != NULL)
		return time_scan(text, s->m->format, zone, t);
	if (time_parse(text, zone, t) || time_of_number(text, t))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(usual_formats); i++)
		if (time_scan(text, usual_formats[i], zone, t))
			return true;
	return false;
}

static const char *read_thing(const struct sheet *s, struct str *thing)
{
	const struct mapping *m = s->m;
	struct str word;

	*thing = m->code;
	if (m->code.p != NULL)
		return NULL;
	word = field(s, s->thing);
	if (word.n == 0)
		return "no thing is named";
	if (find_pair(&m->codes, word, thing))
		return NULL;
	if (m->attribute != NULL) {
		*thing = s->things.code != NULL ? s->things.code(s->things.ctx, word) : STR_NULL;
		return thing->p != NULL ? NULL : "no thing has this attribute";
	}
	if (m->codes.n > 0)
		return "the mapping's codes do not have this thing";
	*thing = word;
	return NULL;
}

/* As the mapping writes numbers, into what num_double reads. */
static struct str plain_number(const struct mapping *m, struct str word, char buf[NUMBER_BYTES])
{
	size_t n = 0;

	if ((m->decimal == '.' && m->thousands == 0) || word.n > NUMBER_BYTES)
		return word;
	for (size_t i = 0; i < word.n; i++) {
		char c = word.p[i];

		if (c == m->decimal)
			buf[n++] = '.';
		else if (c != m->thousands && !(m->decimal == ',' && (c == '.' || c == ' ')))
			buf[n++] = c;
	}
	return (struct str){buf, n};
}

static const char *read_value(
        const struct sheet *s, const struct value_column *c, struct str word, struct reading *r)
{
	char buf[NUMBER_BYTES];

	if (num_double(plain_number(s->m, word, buf), false, &r->v)) {
		r->v = r->v * c->factor + c->offset;
		return NULL;
	}
	if (!utf8_valid(word))
		return "the text is not UTF-8";
	if (!reading_of_word(word, r))
		return "NaN and infinity are no readings";
	return r->text.p == NULL || c->states ? NULL : "this is no number, and no word that stands for none";
}

static void read_cell(struct sheet *s, struct arena *row, int i, struct reading r, struct readings *out)
{
	const struct value_column *c = &s->m->value[i];
	struct str word = field(s, s->value[i]);
	const char *words;

	if (is_none(s, word)) {
		s->gaps++;
		return;
	}
	r.metric = c->metric;
	if (s->m->metric != NULL) {
		r.metric = field(s, s->metric);
		if (s->m->names.n > 0 && !find_pair(&s->m->names, r.metric, &r.metric)) {
			refuse(s, row, out, REFUSED_NAME, s->m->metric,
			        "the mapping's names do not have this metric");
			return;
		}
	}
	words = read_value(s, c, word, &r);
	if (words != NULL) {
		refuse(s, row, out, REFUSED_VALUE, c->column, words);
		return;
	}
	out->r[out->n++] = r;
}

int sheet_next(struct sheet *s, struct arena *row, struct readings *out)
{
	struct reading r = {0};
	const struct zone *zone = s->zone;
	const char *words;
	int n = csv_row(&s->csv, row);

	*out = (struct readings){0};
	if (n == 0)
		return 0;
	if (n < 0) {
		refuse(s, row, out, REFUSED_SYNTAX, NULL, s->csv.bad);
		step_over(s);
		return 1;
	}
	r.at = s->csv.line;
	if (s->columns > 0 && n > s->columns) {
		refuse(s, row, out, REFUSED_SYNTAX, NULL, "the row has more fields than there are names");
		return 1;
	}
	words = read_thing(s, &r.thing);
	if (words == NULL && s->things.zone != NULL)
		zone = s->things.zone(s->things.ctx, r.thing);
	if (!read_time(s, row, zone, &r.t)) {
		refuse(s, row, out, REFUSED_VALUE, s->m->time[0], "the time cannot be read");
		return 1;
	}
	if (words != NULL) {
		refuse(s, row, out, REFUSED_NAME, s->m->thing, words);
		return 1;
	}
	out->r = arena_array(row, (size_t)s->m->values, sizeof(*out->r));
	if (out->r == NULL) {
		refuse(s, row, out, REFUSED_BODY, NULL, "the row is larger than the memory allowed for it");
		return 1;
	}
	for (int i = 0; i < s->m->values; i++)
		read_cell(s, row, i, r, out);
	return 1;
}
