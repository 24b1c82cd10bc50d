#include "base/prompb.h"

/* Numbers of fields. */
enum { WRITE_TIMESERIES = 1, WRITE_METADATA = 3 };
enum { WRITE2_SYMBOLS = 4, WRITE2_TIMESERIES = 5 };
enum { SERIES_LABELS = 1, SERIES_SAMPLES = 2, SERIES_EXEMPLARS = 3, SERIES_HISTOGRAMS = 4 };
enum {
	SERIES2_REFS = 1,
	SERIES2_SAMPLES = 2,
	SERIES2_HISTOGRAMS = 3,
	SERIES2_EXEMPLARS = 4,
	SERIES2_METADATA = 5
};
enum { LABEL_FIELD_NAME = 1, LABEL_FIELD_VALUE = 2 };
enum { SAMPLE_VALUE = 1, SAMPLE_TIME = 2 };
enum { METADATA_TYPE = 1, METADATA_METRIC = 2, METADATA_HELP = 4, METADATA_UNIT = 5 };
enum { METADATA2_TYPE = 1, METADATA2_HELP = 3, METADATA2_UNIT = 4 };

enum { READ_QUERIES = 1, QUERY_FROM = 1, QUERY_TO = 2, QUERY_MATCHERS = 3 };
enum { MATCHER_TYPE = 1, MATCHER_NAME = 2, MATCHER_VALUE = 3 };
enum { READ_RESULTS = 1 };

static const char torn[] = "the body is no protobuf message, or damaged";

/* ---- 2.0's table of texts ---- */

static int read_symbols(struct prompb_reader *r, struct arena *a)
{
	struct protobuf all = r->body;
	struct protobuf_field f;
	size_t cap = 0;

	while (protobuf_next(&all, &f)) {
		if (f.no != WRITE2_SYMBOLS || f.type != PROTOBUF_BYTES)
			continue;
		struct str *more = arena_grow(a, r->symbol, &cap, r->symbols + 1, sizeof(*more));
		if (more == NULL) {
			r->bad = "the message has more texts than one request may";
			return -1;
		}
		r->symbol = more;
		r->symbol[r->symbols++] = f.bytes;
	}
	r->bad = all.bad                                ? torn
	         : r->symbols > 0 && r->symbol[0].n > 0 ? "the first of the symbols must be the empty text"
	                                                : NULL;
	return r->bad != NULL ? -1 : 0;
}

int prompb_reader_init(struct prompb_reader *r, enum prompb_form form, struct str message, struct arena *a)
{
	*r = (struct prompb_reader){.form = form, .body = protobuf_of(message)};
	return form == PROMPB_WRITE_2 ? read_symbols(r, a) : 0;
}

static bool symbol(const struct prompb_reader *r, uint64_t ref, struct str *out)
{
	if (ref >= r->symbols)
		return false;
	*out = r->symbol[ref];
	return true;
}

/* ---- parts of a series ---- */

static bool read_label(struct str bytes, struct prompb_series *s)
{
	struct protobuf p = protobuf_of(bytes);
	struct protobuf_field f;
	struct label l = {STR_LIT(""), STR_LIT("")};

	while (protobuf_next(&p, &f)) {
		if (f.type != PROTOBUF_BYTES)
			continue;
		if (f.no == LABEL_FIELD_NAME)
			l.name = f.bytes;
		else if (f.no == LABEL_FIELD_VALUE)
			l.value = f.bytes;
	}
	if (s->labels.n == PROMPB_LABELS)
		s->bad = "the series has too many labels";
	else
		s->label[s->labels.n++] = l;
	return !p.bad;
}

/* References come packed; readers of protobuf take them one by one, too. */
static bool read_refs(
        const struct prompb_reader *r, const struct protobuf_field *f, struct prompb_series *s, int *half)
{
	struct protobuf p = protobuf_of(f->bytes);
	uint64_t ref = f->number;
	bool one = f->type == PROTOBUF_VARINT;

	while (one || protobuf_number(&p, &ref)) {
		struct str text = STR_LIT("");

		one = false;
		if (!symbol(r, ref, &text))
			s->bad = "a label refers to a text that the message does not have";
		if (s->labels.n == PROMPB_LABELS)
			s->bad = "the series has too many labels";
		else if (*half == 0)
			s->label[s->labels.n].name = text;
		else
			s->label[s->labels.n++].value = text;
		*half ^= 1;
	}
	return !p.bad;
}

static bool read_metadata_2(const struct prompb_reader *r, struct str bytes, struct prompb_series *s)
{
	struct protobuf p = protobuf_of(bytes);
	struct protobuf_field f;
	struct prompb_metadata *m = &s->metadata;

	s->known = true;
	while (protobuf_next(&p, &f)) {
		if (f.type != PROTOBUF_VARINT)
			continue;
		if (f.no == METADATA2_TYPE)
			m->type = (uint32_t)f.number;
		else if ((f.no == METADATA2_HELP && !symbol(r, f.number, &m->help)) ||
		         (f.no == METADATA2_UNIT && !symbol(r, f.number, &m->unit)))
			s->bad = "the metadata refer to a text that the message does not have";
	}
	return !p.bad;
}

static bool read_sample(struct str bytes, int64_t *t, double *v)
{
	struct protobuf p = protobuf_of(bytes);
	struct protobuf_field f;

	*t = 0;
	*v = 0;
	while (protobuf_next(&p, &f)) {
		if (f.no == SAMPLE_VALUE && f.type == PROTOBUF_FIXED64)
			*v = protobuf_double(f.number);
		else if (f.no == SAMPLE_TIME && f.type == PROTOBUF_VARINT)
			*t = (int64_t)f.number;
	}
	return !p.bad;
}

static bool read_field(
        const struct prompb_reader *r, const struct protobuf_field *f, struct prompb_series *s, int *half)
{
	bool two = r->form == PROMPB_WRITE_2;
	int64_t t;
	double v;

	if (two && f->no == SERIES2_REFS && (f->type == PROTOBUF_BYTES || f->type == PROTOBUF_VARINT))
		return read_refs(r, f, s, half);
	if (f->type != PROTOBUF_BYTES)
		return true;
	if (!two && f->no == SERIES_LABELS)
		return read_label(f->bytes, s);
	if (f->no == SERIES_SAMPLES) { /* of 2.0, too */
		s->samples++;
		return read_sample(f->bytes, &t, &v);
	}
	if (f->no == (two ? SERIES2_HISTOGRAMS : SERIES_HISTOGRAMS))
		s->histograms++;
	else if (f->no == (two ? SERIES2_EXEMPLARS : SERIES_EXEMPLARS))
		s->exemplars++;
	else if (two && f->no == SERIES2_METADATA)
		return read_metadata_2(r, f->bytes, s);
	return true;
}

_Static_assert((int)SERIES_SAMPLES == (int)SERIES2_SAMPLES, "samples have one number in both");

static void begin_series(struct prompb_series *s, struct str bytes)
{
	s->labels = (struct labels){s->label, 0};
	s->head = STR_NULL;
	s->body = protobuf_of(bytes);
	s->samples = s->histograms = s->exemplars = 0;
	s->known = false;
	s->metadata = (struct prompb_metadata){STR_LIT(""), STR_LIT(""), STR_LIT(""), 0};
	s->bad = NULL;
}

static int read_series(struct prompb_reader *r, struct str bytes, struct prompb_series *s)
{
	struct protobuf p = protobuf_of(bytes);
	struct protobuf_field f;
	bool together = r->form == PROMPB_WRITE_1;
	size_t head = 0, at = 0;
	int half = 0;

	begin_series(s, bytes);
	while (protobuf_next(&p, &f)) {
		if (!read_field(r, &f, s, &half))
			p.bad = true;
		if (f.no == SERIES_LABELS) {
			together &= head == at;
			head = (size_t)(p.p - s->body.p);
		}
		at = (size_t)(p.p - s->body.p);
	}
	if (together && head > 0)
		s->head = (struct str){bytes.p, head};
	if (half != 0)
		s->bad = "a label has no value";
	if (p.bad) {
		r->bad = torn;
		return -1;
	}
	s->metadata.metric = labels_get(&s->labels, LABEL_NAME);
	return 1;
}

int prompb_next(struct prompb_reader *r, struct prompb_series *out)
{
	uint32_t no = r->form == PROMPB_WRITE_2 ? WRITE2_TIMESERIES : WRITE_TIMESERIES;
	struct protobuf_field f;

	while (protobuf_next(&r->body, &f))
		if (f.no == no && f.type == PROTOBUF_BYTES)
			return read_series(r, f.bytes, out);
	r->bad = r->body.bad ? torn : NULL;
	return r->body.bad ? -1 : 0;
}

bool prompb_next_known(struct prompb_reader *r, struct str head, struct prompb_series *out)
{
	struct protobuf body = r->body, p;
	struct protobuf_field f;
	int64_t t;
	double v;

	if (!protobuf_next(&body, &f) || f.no != WRITE_TIMESERIES || f.type != PROTOBUF_BYTES ||
	        f.bytes.n < head.n || memcmp(f.bytes.p, head.p, head.n) != 0)
		return false;
	begin_series(out, (struct str){f.bytes.p + head.n, f.bytes.n - head.n});
	for (p = out->body; protobuf_next(&p, &f); out->samples++)
		if (f.no != SERIES_SAMPLES || f.type != PROTOBUF_BYTES || !read_sample(f.bytes, &t, &v))
			return false;
	if (p.bad)
		return false;
	r->body = body;
	return true;
}

bool prompb_sample(struct prompb_series *s, int64_t *t_ms, double *v)
{
	struct protobuf_field f;

	while (protobuf_next(&s->body, &f))
		if (f.no == SERIES_SAMPLES && f.type == PROTOBUF_BYTES)
			return read_sample(f.bytes, t_ms, v);
	return false;
}

/* ---- metadata ---- */

int prompb_next_metadata(struct prompb_reader *r, struct prompb_metadata *out)
{
	struct protobuf_field f;

	while (protobuf_next(&r->body, &f)) {
		struct protobuf p = protobuf_of(f.bytes);

		if (f.no != WRITE_METADATA || f.type != PROTOBUF_BYTES)
			continue;
		*out = (struct prompb_metadata){STR_LIT(""), STR_LIT(""), STR_LIT(""), 0};
		while (protobuf_next(&p, &f)) {
			if (f.no == METADATA_TYPE && f.type == PROTOBUF_VARINT)
				out->type = (uint32_t)f.number;
			else if (f.type == PROTOBUF_BYTES && f.no == METADATA_METRIC)
				out->metric = f.bytes;
			else if (f.type == PROTOBUF_BYTES && f.no == METADATA_HELP)
				out->help = f.bytes;
			else if (f.type == PROTOBUF_BYTES && f.no == METADATA_UNIT)
				out->unit = f.bytes;
		}
		if (!p.bad)
			return 1;
		r->body.bad = true;
		break;
	}
	r->bad = r->body.bad ? torn : NULL;
	return r->body.bad ? -1 : 0;
}

const char *prompb_type_name(uint32_t type)
{
	static const char *const name[] = {
	        "unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"};

	return type < ARRAY_LEN(name) ? name[type] : name[0];
}

/* ---- writing ---- */

size_t prompb_series_begin(struct sb *b, const struct labels *ls)
{
	size_t at = protobuf_begin(b, WRITE_TIMESERIES);

	for (int i = 0; i < ls->n; i++) {
		size_t label = protobuf_begin(b, SERIES_LABELS);

		protobuf_put_bytes(b, LABEL_FIELD_NAME, ls->l[i].name);
		protobuf_put_bytes(b, LABEL_FIELD_VALUE, ls->l[i].value);
		protobuf_end(b, label);
	}
	return at;
}

void prompb_sample_put(struct sb *b, int64_t t_ms, double v)
{
	size_t at = protobuf_begin(b, SERIES_SAMPLES);

	protobuf_put_double(b, SAMPLE_VALUE, v);
	protobuf_put_varint(b, SAMPLE_TIME, (uint64_t)t_ms);
	protobuf_end(b, at);
}

void prompb_series_end(struct sb *b, size_t at)
{
	protobuf_end(b, at);
}

/* ---- remote read ---- */

void prompb_query_put(struct sb *b, const struct matcher *m, int n, int64_t from_ms, int64_t to_ms)
{
	static const uint8_t type[] = {[MATCH_EQ] = 0, [MATCH_NE] = 1, [MATCH_RE] = 2, [MATCH_NRE] = 3};
	size_t query = protobuf_begin(b, READ_QUERIES);

	protobuf_put_varint(b, QUERY_FROM, (uint64_t)from_ms);
	protobuf_put_varint(b, QUERY_TO, (uint64_t)to_ms);
	for (int i = 0; i < n; i++) {
		size_t at = protobuf_begin(b, QUERY_MATCHERS);

		protobuf_put_varint(b, MATCHER_TYPE, type[m[i].op]);
		protobuf_put_bytes(b, MATCHER_NAME, m[i].name);
		protobuf_put_bytes(b, MATCHER_VALUE, m[i].value);
		protobuf_end(b, at);
	}
	protobuf_end(b, query);
}

/* The result of a query has its series where a message of remote write has them. */
bool prompb_result(struct str message, struct str *series)
{
	struct protobuf p = protobuf_of(message);
	struct protobuf_field f;

	*series = STR_LIT("");
	while (protobuf_next(&p, &f))
		if (f.no == READ_RESULTS && f.type == PROTOBUF_BYTES)
			*series = f.bytes;
	return !p.bad;
}
