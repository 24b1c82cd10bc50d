#include "base/sorter.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define READ_MIN 4096 /* of one run at once, at least */

/* How a pair lies in memory and in the file: its lengths, the key, the value. */
struct head {
	uint32_t key_n, value_n;
};

struct item {
	uint64_t first; /* bytes of the key as a number: most comparisons need no more */
	size_t at;      /* in the memory */
};

/* A sorted run in the file, as it is read back. */
struct run {
	int64_t at, end; /* what is not read yet */
	char *buf;
	size_t from, n, cap;
	struct str key, value; /* its smallest pair */
};

struct sorter {
	size_t memory_b;
	char *buf; /* pairs that no run has yet */
	size_t n, cap;
	struct item *item;
	size_t items, item_cap;
	int fd;
	int64_t file_n;
	struct run *run;
	size_t runs, run_cap;
	struct run **heap;  /* of runs, the smallest first */
	size_t heap_n, out; /* out: items given, where there are no runs */
	bool ended, taken;  /* taken: the smallest of the heap was given */
};

struct sorter *sorter_new(size_t memory_b)
{
	struct sorter *s = xcalloc(1, sizeof(*s));

	s->memory_b = memory_b;
	s->fd = -1;
	return s;
}

void sorter_free(struct sorter **sp)
{
	struct sorter *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	for (size_t i = 0; i < s->runs; i++)
		free(s->run[i].buf);
	if (s->fd >= 0)
		close(s->fd);
	free(s->run);
	free(s->heap);
	free(s->item);
	free(s->buf);
	free(s);
}

/* ---- in memory ---- */

static void *grow(void *p, size_t *cap, size_t need, size_t size)
{
	if (need <= *cap)
		return p;
	*cap = need > 2 * *cap ? need : 2 * *cap;
	return xrealloc(p, *cap * size);
}

static uint64_t first_of(struct str key)
{
	uint64_t v = 0;

	for (size_t i = 0; i < 8; i++)
		v = v << 8 | (i < key.n ? (unsigned char)key.p[i] : 0);
	return v;
}

static void pair_at(const char *p, struct str *key, struct str *value)
{
	struct head h;

	memcpy(&h, p, sizeof(h));
	*key = (struct str){p + sizeof(h), h.key_n};
	*value = (struct str){key->p + h.key_n, h.value_n};
}

static int compare(const void *x, const void *y, void *memory)
{
	const struct item *a = x, *b = y;
	struct str ka, kb, unused;

	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	pair_at((const char *)memory + a->at, &ka, &unused);
	pair_at((const char *)memory + b->at, &kb, &unused);
	return str_cmp(ka, kb);
}

static void sort(struct sorter *s)
{
	if (s->items > 1)
		qsort_r(s->item, s->items, sizeof(*s->item), compare, s->buf);
}

/* ---- runs in the file ---- */

static int open_file(struct sorter *s, struct err *e)
{
	const char *dir = getenv("TMPDIR");
	char path[4096];

	snprintf(path, sizeof(path), "%s/heming-sort-XXXXXX", dir != NULL && *dir != '\0' ? dir : "/var/tmp");
	s->fd = mkostemp(path, O_CLOEXEC);
	if (s->fd < 0) {
		err_errno(e, errno, "cannot make a file to sort in; TMPDIR names a folder for it");
		return err_at(e, path, 0, 0, NULL);
	}
	(void)unlink(path);
	return 0;
}

/* What memory holds becomes a run. */
static int write_run(struct sorter *s, struct err *e)
{
	struct run r = {.at = s->file_n};
	struct sb out = SB_INIT;
	struct str key, value;
	int rc = s->fd < 0 ? open_file(s, e) : 0;

	sort(s);
	for (size_t i = 0; i < s->items && rc == 0; i++) {
		pair_at(s->buf + s->item[i].at, &key, &value);
		sb_put(&out, key.p - sizeof(struct head), sizeof(struct head) + key.n + value.n);
		if (out.n < 1 << 20 && i + 1 < s->items)
			continue;
		rc = file_write_all(s->fd, out.p, out.n, e);
		s->file_n += (int64_t)out.n;
		sb_reset(&out);
	}
	sb_fini(&out);
	r.end = s->file_n;
	s->run = grow(s->run, &s->run_cap, s->runs + 1, sizeof(*s->run));
	s->run[s->runs++] = r;
	s->n = s->items = 0;
	return rc < 0 ? err_prefix(e, "the file to sort in") : 0;
}

/* At least `need` bytes of the run stand in its buffer; what was used is gone. */
static int fill(struct sorter *s, struct run *r, size_t need, struct err *e)
{
	if (r->n - r->from >= need)
		return 0;
	memmove(r->buf, r->buf + r->from, r->n - r->from);
	r->n -= r->from;
	r->from = 0;
	if (need > r->cap) {
		r->cap = need;
		r->buf = xrealloc(r->buf, r->cap);
	}
	while (r->n < r->cap && r->at < r->end) {
		size_t want = r->cap - r->n;
		ssize_t got;

		if ((int64_t)want > r->end - r->at)
			want = (size_t)(r->end - r->at);
		got = pread(s->fd, r->buf + r->n, want, r->at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(e, errno, "cannot read the file to sort in");
		if (got == 0)
			break;
		r->n += (size_t)got;
		r->at += got;
	}
	return r->n >= need ? 0 : err_set(e, ERR_IO, "the file to sort in has been cut short");
}

/* The run's next pair: 1, 0 at its end. */
static int run_next(struct sorter *s, struct run *r, struct err *e)
{
	struct head h;
	int rc;

	if (r->from == r->n && r->at == r->end)
		return 0;
	rc = fill(s, r, sizeof(h), e);
	if (rc < 0)
		return rc;
	memcpy(&h, r->buf + r->from, sizeof(h));
	rc = fill(s, r, sizeof(h) + h.key_n + h.value_n, e);
	if (rc < 0)
		return rc;
	pair_at(r->buf + r->from, &r->key, &r->value);
	r->from += sizeof(h) + h.key_n + h.value_n;
	return 1;
}

/* The run at `i` sinks to its place. */
static void sink(struct sorter *s, size_t i)
{
	struct run *r = s->heap[i];

	for (size_t child; (child = 2 * i + 1) < s->heap_n; i = child) {
		if (child + 1 < s->heap_n && str_cmp(s->heap[child + 1]->key, s->heap[child]->key) < 0)
			child++;
		if (str_cmp(r->key, s->heap[child]->key) <= 0)
			break;
		s->heap[i] = s->heap[child];
	}
	s->heap[i] = r;
}

static int begin_merge(struct sorter *s, struct err *e)
{
	int rc = s->items > 0 ? write_run(s, e) : 0;

	free(s->buf);
	s->buf = NULL;
	s->heap = xcalloc(s->runs, sizeof(struct run *));
	for (size_t i = 0; i < s->runs && rc >= 0; i++) {
		struct run *r = &s->run[i];

		r->cap = s->memory_b / s->runs > READ_MIN ? s->memory_b / s->runs : READ_MIN;
		r->buf = xrealloc(NULL, r->cap);
		rc = run_next(s, r, e);
		if (rc > 0)
			s->heap[s->heap_n++] = r;
	}
	for (size_t i = s->heap_n / 2; i-- > 0;)
		sink(s, i);
	return rc < 0 ? rc : 0;
}

/* ---- the door ---- */

int sorter_add(struct sorter *s, struct str key, struct str value, struct err *e)
{
	struct head h = {(uint32_t)key.n, (uint32_t)value.n};
	size_t need = sizeof(h) + key.n + value.n;
	int rc = 0;

	must(!s->ended && key.n <= UINT32_MAX && value.n <= UINT32_MAX);
	if (s->items > 0 && s->n + need + (s->items + 1) * sizeof(*s->item) > s->memory_b)
		rc = write_run(s, e);
	if (rc < 0)
		return rc;
	s->buf = grow(s->buf, &s->cap, s->n + need, 1);
	s->item = grow(s->item, &s->item_cap, s->items + 1, sizeof(*s->item));
	s->item[s->items++] = (struct item){first_of(key), s->n};
	memcpy(s->buf + s->n, &h, sizeof(h));
	if (key.n > 0)
		memcpy(s->buf + s->n + sizeof(h), key.p, key.n);
	if (value.n > 0)
		memcpy(s->buf + s->n + sizeof(h) + key.n, value.p, value.n);
	s->n += need;
	return 0;
}

int sorter_next(struct sorter *s, struct str *key, struct str *value, struct err *e)
{
	int rc = 0;

	if (!s->ended) {
		s->ended = true;
		if (s->runs > 0)
			rc = begin_merge(s, e);
		else
			sort(s);
	} else if (s->taken) {
		rc = run_next(s, s->heap[0], e);
		if (rc == 0)
			s->heap[0] = s->heap[--s->heap_n];
		if (rc >= 0 && s->heap_n > 0)
			sink(s, 0);
	}
	s->taken = false;
	if (rc < 0)
		return rc;
	if (s->runs == 0) {
		if (s->out == s->items)
			return 0;
		pair_at(s->buf + s->item[s->out++].at, key, value);
		return 1;
	}
	if (s->heap_n == 0)
		return 0;
	*key = s->heap[0]->key;
	*value = s->heap[0]->value;
	s->taken = true;
	return 1;
}
