/*
 * promql_data - what a script of the promqltest language loads and expects: series and points as they are
 * written, and a storage in memory that has them. One thread; what mem_series gives is valid until the next
 * call.
 */
#ifndef HEMING_SUITE_PROMQL_DATA_H
#define HEMING_SUITE_PROMQL_DATA_H

#include "promql/promql_int.h"

/* ---- storage in memory ---- */

struct stored {
	struct labels labels;
	time_us *t;
	double *v;
	time_us *since; /* start timestamps, by sample; 0: not known */
	size_t n, cap_t, cap_v, cap_since;
	bool starts; /* some are known */
	time_us *h;  /* where native histograms were to be */
	size_t n_h, cap_h;
};
struct memory {
	struct arena *a;
	struct stored *s;
	size_t n, cap;
	bool touched; /* a query met a histogram */
};

int mem_open(void *ctx, const struct matcher *m, int n, time_us from, time_us to, struct arena *a,
        struct promql_cursor **out, struct err *e);
int mem_next(struct promql_cursor *c, struct promql_series *out, struct err *e);
void mem_close(struct promql_cursor *c);
void mem_clear(struct memory *m);
/* The series of those labels, a new one if there is none. */
struct stored *mem_series(struct memory *m, const struct labels *ls);
/* since: its start timestamp, 0 if it has none. Takes the place of a point at that time. */
void mem_put(struct stored *s, time_us t, double v, time_us since);
/* A staleness marker stands for it. */
void mem_put_histogram(struct stored *s, time_us t);

/* ---- notation ---- */

enum point { POINT_VALUE, POINT_NONE, POINT_HISTOGRAM };
struct points {
	enum point *kind;
	double *v;
	size_t n, cap_k, cap_v;
	bool histogram;
};

/*
 * Start timestamps as `series@st` writes them before the points, each by how far it lies from its sample:
 * `_`, -1m, -1mx4 (five of them) or -1m-1mx4 (each a minute farther).
 */
#define NO_START INT64_MIN
struct starts {
	dur_us *at;
	size_t n, cap;
};

bool is_blank(char c);
/* Where the name and labels end and the points begin. */
size_t metric_end(struct str s);
bool parse_metric(struct arena *a, struct str text, struct labels *out, struct err *e);
/* A signed number from the front of *s: hexadecimal is not taken, so that 0x3 is 0 four times. */
bool take_number(struct str *s, double *out);
/* Both add to what is there; the caller frees also what a failure leaves. */
bool parse_points(struct str s, struct points *p);
bool parse_starts(struct str s, struct starts *out);
void points_free(struct points *p);

#endif
