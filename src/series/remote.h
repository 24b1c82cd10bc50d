/*
 * remote - a Prometheus-compatible engine behind the series of this folder, for cities past one machine.
 *
 * Readings are taken, acknowledged and looked at by the folder as ever. A thread follows the folder's log and
 * hands everything on to the engine by Prometheus remote write 1.0; logs that the folder itself no longer
 * needs wait in DIR/queue until the engine has had them for `window`. What the engine took in that time is
 * sent again after it began anew or failed, since it may have lost its last seconds: the same reading twice
 * is no harm. The folder keeps the last `keep` whole, so that rules, newest values and recent windows need no
 * network; points of before are fetched raw and merged with those here, of which the folder's count.
 *
 * Several sites on one engine each have labels of their own, or their series mix.
 *
 * What was deleted is kept from every answer from then on, whatever the engine does, and is not sent again.
 * The engine is told to delete it where it can: the whole of a series, or, with Prometheus' API, a time.
 *
 * Engines: raw series are asked for by /api/v1/export (VictoriaMetrics) or remote read (Prometheus). Times
 * reach the engine in whole milliseconds.
 *
 * Threads: one of its own; selecting from any. Failure: a failing engine is told (log, series_remote_look)
 * and tried again after a while that grows to 30 s; once queue_b wait, the folder takes no more readings.
 * Never: talks to the network itself, but by `ask`.
 */
#ifndef HEMING_SERIES_REMOTE_H
#define HEMING_SERIES_REMOTE_H

#include "series/series.h"

enum series_address {
	SERIES_WRITE, /* where readings are written */
	SERIES_READ,  /* where they are read */
	SERIES_ERASE, /* where they are deleted */
	SERIES_WATCH  /* where a part of the engine tells of itself */
};
struct series_ask {
	enum series_address to;
	int part;                  /* of SERIES_WATCH: which, from 0 */
	const char *path;          /* "/api/v1/write", with its query */
	struct str body;           /* sent by POST; p NULL: GET */
	const char *type, *packed; /* Content-Type, Content-Encoding; NULL: none */
	size_t max_b;              /* of the answer */
	dur_us wait;
};
/* How the engine is asked. 0 and any status, or negative where no answer came. */
struct series_engine {
	void *ctx;
	int parts; /* that are watched for being started anew; 0: where readings are written, alone */
	/* *fresh: the connection was made for this question. Any thread. */
	int (*ask)(void *ctx, const struct series_ask *q, struct arena *a, int *status, struct str *body,
	        bool *fresh, struct err *e);
};

struct series_remote;
struct series_remote_options {
	struct series_db *db; /* opened with keep_logs; outlives this */
	const struct clock *clock;
	struct series_engine engine;
	dur_us window;    /* 0: 10 min */
	dur_us keep;      /* 0: 7 days */
	uint64_t queue_b; /* 0: 16 GiB */
	/* What tells this site's series in the engine from other sites': sent with each, asked for with each
	 * question, taken off again. Sorted; copied. Changed when there are readings already: ERR_STATE. */
	struct labels labels;
};
MUST_USE int series_remote_open(
        const struct series_remote_options *o, struct series_remote **out, struct err *e);
/* Waits for the question at work. What is not sent is sent after the next start. */
void series_remote_close(struct series_remote **r);

struct series_remote_state {
	bool ok;          /* the last question was answered well */
	uint64_t queue_b; /* bytes of the log that wait */
	dur_us behind;    /* since when some wait; 0: none do */
	uint64_t sent;    /* samples, those that were sent again among them */
	uint64_t refused; /* samples of messages that the engine will not have */
	uint64_t again;   /* times that the window was sent again */
	uint64_t failures;
	uint64_t to_erase;   /* deletions that the engine is still to be told */
	uint64_t masked;     /* deletions that it did not carry out */
	time_us whole_since; /* from here on the folder alone knows everything */
	struct err why;      /* unless ok */
};
void series_remote_look(struct series_remote *r, struct series_remote_state *out);

/* How long series are answered for: borrowed until the next call or close. What is older than the longest of
 * its class's times is kept from answers; the engine has no roll-ups, and gives readings for all of it. */
void series_remote_set_classes(struct series_remote *r, const struct series_class *class, int n);

/* What became of a deletion in the engine. */
enum series_erased {
	SERIES_ERASED,     /* it was told, and said that it does it */
	SERIES_ERASE_LATE, /* it does not answer; it is told when it does */
	SERIES_MASKED      /* it will not: it deletes whole series only, or its API is off */
};
/* A sentence for a person; "" for the first. */
const char *series_erased_text(enum series_erased x);
/*
 * As series_delete, in folder and engine. Durable, and true of every answer, when it returns 0, also where
 * the engine is away; *out (may be NULL) is what it said within some seconds. ERR_UNAVAILABLE: a matcher on a
 * virtual label needs the engine's list of series, and it does not answer; nothing is deleted then. Stopped
 * (care->cancel) it has deleted nothing. removed has the series of both, the readings of the folder.
 */
MUST_USE int series_remote_delete(struct series_remote *r, const struct matcher *m, int n, time_us from,
        time_us to, struct series_care *care, enum series_erased *out, struct err *e);
/* As series_count: series of both (those of the folder, where the engine does not answer), and the readings
 * that the folder has. */
MUST_USE int series_remote_count(struct series_remote *r, const struct matcher *m, int n, time_us from,
        time_us to, struct series_survey *out, const bool *cancel, struct err *e);
/* As series_retain, without roll-ups; and series of which everything is too old are deleted in the engine.
 * ERR_UNAVAILABLE where it does not answer; the folder's part is done then. */
MUST_USE int series_remote_retain(struct series_remote *r, const struct series_class *class, int n,
        time_us now, struct series_care *care, const bool *cancel, struct err *e);

/* As series_select, series_next and series_cursor_free, from folder and engine. Matchers on virtual labels
 * are tried here. Views are not lasting. ERR_UNAVAILABLE: the engine is needed and does not answer. */
struct series_remote_cursor;
MUST_USE int series_remote_select(struct series_remote *r, const struct series_query *q, struct arena *a,
        struct series_remote_cursor **out, struct err *e);
MUST_USE int series_remote_next(struct series_remote_cursor *c, struct series_view *out, struct err *e);
void series_remote_cursor_free(struct series_remote_cursor **c);
/* Whether points of `from` or later are the folder's alone: then series_select will do. */
bool series_remote_local(const struct series_remote *r, time_us from);

#endif
