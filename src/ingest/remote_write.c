/* Prometheus remote write over HTTP, 1.0 and 2.0. */
#include "base/snappy.h"
#include "ingest/door.h"
#include "ingest/fresh.h"
#include "ingest/refusal.h"

#define UNPACKED_MAX (64 << 20)
#define SAMPLES_MAX 2000000 /* of one request; the engine's queue has room for more than one */
#define KEY_MAX_B 40000     /* longer ones are looked up the slow way */

static const char media_type[] = "application/x-protobuf";

struct request {                   /* lives in the request's arena */
	struct series_batch batch; /* first */
	struct ingest *in;
	struct http_req *r;
	struct device device;
	enum prompb_form form;
	time_us now;
	struct points points;
	struct seen_reader names;
	struct fresh fresh;
	size_t refused;    /* samples and histograms */
	const char *first; /* of the words why */
	int status;        /* when something was refused */
	int no;            /* of the series at work, from 1 */
	uint64_t exemplars;
	char *key;
};

static void set_count(struct http_req *r, const char *what, size_t n)
{
	char name[64], value[24];

	snprintf(name, sizeof(name), "X-Prometheus-Remote-Write-%s-Written", what);
	snprintf(value, sizeof(value), "%zu", n);
	http_set_header(r, name, value);
}

static void set_counts(struct http_req *r, size_t samples)
{
	set_count(r, "Samples", samples);
	set_count(r, "Histograms", 0);
	set_count(r, "Exemplars", 0);
}

/* ---- which message ---- */

static struct str parameter(struct str *rest, struct str *value)
{
	struct str one = str_cut(rest, ';'), name = str_trim(str_cut(&one, '='));

	*value = one.p != NULL ? str_trim(one) : STR_LIT("");
	if (value->n >= 2 && value->p[0] == '"' && value->p[value->n - 1] == '"')
		*value = (struct str){value->p + 1, value->n - 2};
	return name;
}

static bool same_word(struct str s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* Words why not, or NULL. A request without these headers is taken as 1.0, as Prometheus does. */
static const char *find_form(struct http_req *r, enum prompb_form *form)
{
	const char *type = http_header(r, "Content-Type"), *packed = http_header(r, "Content-Encoding");
	struct str rest = str_of(type), media = STR_NULL;

	*form = PROMPB_WRITE_1;
	if (packed != NULL && strcasecmp(packed, "snappy") != 0)
		return "Content-Encoding must be snappy";
	if (type == NULL)
		return NULL;
	media = str_trim(str_cut(&rest, ';'));
	if (!same_word(media, media_type))
		return "Content-Type must be application/x-protobuf";
	while (rest.p != NULL) {
		struct str value, name = parameter(&rest, &value);

		if (!same_word(name, "proto"))
			continue;
		if (str_is(value, "io.prometheus.write.v2.Request"))
			*form = PROMPB_WRITE_2;
		else if (!str_is(value, "prometheus.WriteRequest"))
			return "of messages prometheus.WriteRequest and io.prometheus.write.v2.Request are "
			       "taken (Content-Type, parameter proto)";
	}
	return NULL;
}

/* ---- series ---- */

static void refuse(struct request *x, enum refusal why, size_t samples, const char *words)
{
	refusals_add(x->in->refusals, x->device.login, why, x->no, words);
	x->refused += samples;
	if (x->first == NULL)
		x->first = arena_printf(http_arena(x->r), "series %d: %s", x->no, words);
	if (x->status == 0)
		x->status = 400;
}

/* NULL, or why these are not the labels of a series. */
static const char *judge_labels(const struct labels *ls, enum prompb_form form)
{
	bool any = form == PROMPB_WRITE_2; /* 2.0 takes names in UTF-8 */
	bool named = false;

	for (int i = 0; i < ls->n; i++) {
		const struct label *l = &ls->l[i];

		if (l->name.n == 0 || l->value.n == 0)
			return "a label without a name or a value";
		if (!utf8_valid(l->name) || !utf8_valid(l->value))
			return "a label is not UTF-8";
		if (i > 0 && str_cmp(ls->l[i - 1].name, l->name) == 0)
			return "a label is given twice";
		if (i > 0 && str_cmp(ls->l[i - 1].name, l->name) > 0)
			return "the labels are not in order of their names";
		if (str_is(l->name, LABEL_NAME)) {
			named = true;
			if (!any && !metric_name_valid(l->value))
				return "the metric's name may have letters, digits, _ and : only, no digit "
				       "first";
		} else if (!any && !label_name_valid(l->name)) {
			return "a label's name may have letters, digits and _ only, no digit first";
		}
	}
	return named ? NULL : "the series has no name (label __name__)";
}

/* The labels of 2.0 as one text: their references say something else in each message. 0: too long. */
static size_t make_key(const struct labels *ls, char *key)
{
	size_t n = 0;

	for (int i = 0; i < ls->n; i++) {
		const struct str part[2] = {ls->l[i].name, ls->l[i].value};

		for (int k = 0; k < 2; k++) {
			uint32_t len = (uint32_t)part[k].n;

			if (part[k].n > KEY_MAX_B || n + sizeof(len) + len > KEY_MAX_B)
				return 0;
			memcpy(key + n, &len, sizeof(len));
			memcpy(key + n + sizeof(len), part[k].p, len);
			n += sizeof(len) + len;
		}
	}
	return n;
}

static struct str thing_of(const struct prompb_series *s)
{
	for (int i = 0; i < s->labels.n; i++)
		if (str_is(s->labels.l[i].name, "thing"))
			return s->labels.l[i].value;
	return STR_NULL;
}

static bool may_write(const struct request *x, struct str thing)
{
	return x->device.things == NULL || (thing.p != NULL && device_may(&x->device, thing));
}

enum found { KNOWN, FRESH, REFUSED };

/* Also how it is named, where it is fresh. */
static enum found find_series(
        struct request *x, const struct prompb_series *s, series_id *id, struct seen_ask *name)
{
	const bool first = x->form == PROMPB_WRITE_1;
	const char *words = s->bad;
	struct err e = ERR_INIT;
	struct str key = s->head;
	struct seen_name *seen;

	if (!first)
		key = (struct str){x->key, words == NULL ? make_key(&s->labels, x->key) : 0};
	if (key.n > 0 && !fresh_some(&x->fresh) &&
	        (seen = seen_find(&x->names, x->fresh.form, key, STR_LIT(""))) != NULL &&
	        seen_answer(&x->names, seen, id))
		return KNOWN;
	if (words == NULL)
		words = judge_labels(&s->labels, x->form);
	if (words == NULL && series_labels_check(&s->labels, &e) < 0)
		words = arena_strdup(http_arena(x->r), e.text);
	if (words != NULL) {
		refuse(x, REFUSED_NAME, s->samples, words);
		return REFUSED;
	}
	if (!first && (key.p = arena_memdup(http_arena(x->r), key.p, key.n)) == NULL)
		key = STR_LIT(""); /* without a name it is looked up the slow way the next time, too */
	*name = (struct seen_ask){
	        .a = key, .b = STR_LIT(""), .thing = first ? thing_of(s) : STR_NULL, .lasting = true};
	return FRESH;
}

static int add_samples(struct request *x, struct prompb_series *s, series_id id, struct err *e)
{
	struct points *p = &x->points;
	struct series_point *more = NULL;
	int64_t ms;
	double v;

	if (s->samples > SAMPLES_MAX - p->n)
		return err_set(e, ERR_TOOBIG, "no more than %d samples are taken at once; send them in parts",
		        SAMPLES_MAX);
	more = arena_grow(http_arena(x->r), p->p, &p->cap, p->n + s->samples, sizeof(*p->p));
	if (more == NULL)
		return err_set(e, ERR_NOMEM, "no memory for so many samples; send them in parts");
	p->p = more;
	while (prompb_sample(s, &ms, &v)) {
		enum refusal why = REFUSED_VALUE;
		const char *words = ms < INT64_MIN / US_MS + 1 || ms > INT64_MAX / US_MS
		                            ? "the time of a sample cannot be; it is counted in ms"
		                            : ingest__time(x->in, ms * US_MS, x->now, p, &why);

		if (words != NULL)
			refuse(x, why, 1, words);
		else
			p->p[p->n++] = (struct series_point){id, ms * US_MS, v};
	}
	return 0;
}

static int take_series(struct request *x, struct prompb_series *s, struct err *e)
{
	size_t at = x->points.n;
	series_id id = {0};
	struct seen_ask name;
	enum found found;
	int rc;

	x->no++;
	x->exemplars += s->exemplars;
	if (s->histograms > 0)
		refuse(x, REFUSED_HISTOGRAM, s->histograms,
		        "native histograms are not stored; have the sender scrape classic ones");
	else if (s->samples == 0 && x->form == PROMPB_WRITE_2)
		refuse(x, REFUSED_VALUE, 0, "a series without samples");
	if (s->samples == 0)
		return 0;
	if (!may_write(x, thing_of(s))) {
		refuse(x, REFUSED_RIGHT, s->samples,
		        "the device may not write readings of this thing (label \"thing\")");
		return 0;
	}
	found = find_series(x, s, &id, &name);
	if (found == REFUSED)
		return 0;
	if (s->known)
		metric_words_put(x->in->words, &s->metadata);
	rc = add_samples(x, s, id, e);
	if (rc == 0 && found == FRESH && x->points.n > at)
		rc = fresh_add(&x->fresh, &name, &s->labels, at, x->points.n - at, e);
	return rc;
}

/* A series that followed the one before it the last time, too, and has but samples. 0: it is another. */
static int take_expected(struct request *x, struct prompb_reader *m, struct prompb_series *s, struct err *e)
{
	struct seen_name *name = x->form == PROMPB_WRITE_1 ? seen_expected(&x->names) : NULL;
	series_id id;
	int rc;

	if (name == NULL || name->form != SEEN_WRITE || !seen_answer(&x->names, name, &id) ||
	        (x->device.things != NULL && !may_write(x, seen_thing(name))) ||
	        !prompb_next_known(m, (struct str){name->text, name->a_n}, s))
		return 0;
	seen_take(&x->names, name);
	x->no++;
	rc = add_samples(x, s, id, e);
	return rc < 0 ? rc : 1;
}

static int take_metadata(struct request *x, struct str message, struct err *e)
{
	struct prompb_reader m;
	struct prompb_metadata one;
	int rc = prompb_reader_init(&m, PROMPB_WRITE_1, message, http_arena(x->r));

	while (rc >= 0 && (rc = prompb_next_metadata(&m, &one)) > 0)
		metric_words_put(x->in->words, &one);
	return rc < 0 ? err_set(e, ERR_INVALID, "%s", m.bad) : 0;
}

static int take_message(struct request *x, struct str message, struct err *e)
{
	struct arena *a = http_arena(x->r);
	struct prompb_series *s = arena_alloc(a, sizeof(*s));
	struct prompb_reader m;
	int rc = prompb_reader_init(&m, x->form, message, a), got = 0;

	if (rc < 0)
		return err_set(e, ERR_INVALID, "%s", m.bad);
	x->key = arena_alloc(a, KEY_MAX_B);
	seen_begin(x->in->seen, 0, &x->names);
	x->fresh = (struct fresh){.db = x->in->site->series,
	        .names = &x->names,
	        .form = x->form == PROMPB_WRITE_1 ? SEEN_WRITE : SEEN_WRITE_2,
	        .a = a,
	        .out = &x->points};
	while (rc == 0) {
		int known = take_expected(x, &m, s, e);

		if (known > 0)
			continue;
		rc = known;
		if (rc == 0 && (got = prompb_next(&m, s)) <= 0)
			break;
		if (rc == 0)
			rc = take_series(x, s, e);
	}
	if (rc == 0)
		rc = fresh_end(&x->fresh, e);
	seen_end(&x->names);
	if (rc == 0 && got < 0)
		rc = err_set(e, ERR_INVALID, "%s", m.bad);
	if (rc == 0 && x->form == PROMPB_WRITE_1)
		rc = take_metadata(x, message, e);
	return rc;
}

/* ---- the answer ---- */

static void stored(struct series_batch *b, int rc, const struct err *e)
{
	struct request *x = (struct request *)b;
	const char *words;

	ingest__failed(x->in, rc);
	if (rc == ERR_NOTFOUND) { /* a series that expired meanwhile: the sender sends again, and it is new */
		door__refuse(x->r, 503, e->text);
		return;
	}
	if (rc < 0) {
		door__fail(x->r, e);
		return;
	}
	x->points.taken = x->points.n;
	ingest__stored(&x->points);
	metric_add(METRIC_INGEST_EXEMPLARS, (int64_t)x->exemplars);
	set_counts(x->r, x->points.n);
	if (x->first == NULL) {
		http_reply(x->r, 204, NULL, STR_NULL);
		return;
	}
	words = arena_printf(http_arena(x->r), "%zu samples stored, %zu refused; the first: %s", x->points.n,
	        x->refused, x->first);
	door__refuse(x->r, x->status, words);
}

void ingest_remote_write(struct ingest *in, struct http_req *r)
{
	struct request *x = arena_alloc(http_arena(r), sizeof(*x));
	struct err e = ERR_INIT;
	struct str message = STR_NULL;
	const char *words = NULL;
	int rc;

	x->in = in;
	x->r = r;
	x->now = clock_now(in->site->clock);
	rc = door__device(in, r, &x->device, &e);
	if (rc == 0 && (words = find_form(r, &x->form)) != NULL) {
		door__refuse(r, 415, words);
		return;
	}
	if (rc == 0)
		rc = unsnappy(http_arena(r), http_body(r), UNPACKED_MAX, &message, &e);
	if (rc == 0)
		rc = take_message(x, message, &e);
	if (rc < 0) {
		if (rc != ERR_UNAUTH)
			refusals_add(in->refusals, x->device.login,
			        message.p != NULL ? REFUSED_SYNTAX : REFUSED_BODY, 0, e.text);
		door__fail(r, &e);
		return;
	}
	x->batch.p = x->points.p;
	x->batch.n = x->points.n;
	x->batch.done = stored;
	if (!series_post(in->site->series, &x->batch)) {
		refusals_add(in->refusals, x->device.login, REFUSED_BUSY, 0,
		        "too many readings wait to be written");
		err_set(&e, ERR_UNAVAILABLE,
		        "too many readings wait to be written; send this again in a moment");
		door__fail(r, &e);
	}
}

size_t ingest_metric_words(struct ingest *in, struct arena *a, struct prompb_metadata **out)
{
	return metric_words_list(in->words, a, out);
}
