/*
 * seen - texts that named a series before: the hot path looks a series up by the bytes that the device sent,
 * without taking them apart.
 *
 * With each name stands which one followed it the last time. Who sends the same things in the same order, as
 * most do, is so known by comparing bytes with what is expected; nothing is hashed, and not even the ends of
 * the names are looked for.
 *
 * An answer lasts, or is good for as long as nothing is decided about unknown devices (`decisions`, see
 * quarantine_decisions()). Bounded; forgetting costs only time.
 *
 * Threads: any, each with a reader of its own, which keeps what it has found in its place until its end.
 * Looking waits for nobody; adding waits for who else adds.
 */
#ifndef HEMING_INGEST_SEEN_H
#define HEMING_INGEST_SEEN_H

#include "series/series.h"

#include <stdatomic.h>

/* What the two texts of a name are. Names of different forms never meet. */
enum seen_form {
	SEEN_LINE,    /* measurement with tags, field; as written */
	SEEN_JSON,    /* thing, metric */
	SEEN_WRITE,   /* labels of remote write 1.0 as they come; nothing */
	SEEN_WRITE_2, /* those of 2.0, see remote_write.c; nothing */
};

struct seen_name {
	_Atomic uint64_t answer; /* the id; above it 0, or the number of decisions for which it is good */
	_Atomic uint32_t next;   /* place of the one that followed the last time; 0: none */
	uint32_t place;
	uint16_t a_n, b_n;
	uint16_t thing_at, thing_n; /* in a: the thing that it names; n 0: none */
	uint8_t form;
	char text[]; /* a, a blank, b and =: as they stand in a line */
};

struct seen;
struct seen *seen_new(size_t limit);
void seen_free(struct seen **s);
void seen_forget(struct seen *s); /* all of them, for readers that begin from now on */

struct seen_reader {
	struct seen *seen;
	struct seen_name *last; /* taken */
	uint32_t decisions;
};
void seen_begin(struct seen *s, uint32_t decisions, struct seen_reader *out);
void seen_end(struct seen_reader *r);

/* The one that followed the last one taken; NULL if none. */
struct seen_name *seen_expected(const struct seen_reader *r);
/* The one of these texts, NULL if there is none. Takes it. */
struct seen_name *seen_find(struct seen_reader *r, enum seen_form form, struct str a, struct str b);
/* It is what the sender said now. */
void seen_take(struct seen_reader *r, struct seen_name *x);
/*
 * Many texts, of which the memory is asked for all before the first is looked at. seen_find_many() fills what
 * is said below and takes none. Then those that are not known get their ids, and seen_put_many() adds them,
 * or gives them this answer anew, and takes all in their order.
 */
struct seen_ask {
	struct str a, b, thing; /* thing: what they name, a part of a; or STR_NULL */
	series_id id;           /* output, where it is known */
	bool lasting;           /* not only until something is decided */
	bool known;             /* output: it has a good answer */
	uint64_t hash;          /* output */
	struct seen_name *name; /* output; NULL: none of these texts */
};
void seen_find_many(const struct seen_reader *r, enum seen_form form, struct seen_ask *x, size_t n);
void seen_put_many(struct seen_reader *r, enum seen_form form, struct seen_ask *x, size_t n);

static inline bool seen_is(const struct seen_name *x, enum seen_form form, struct str a, struct str b)
{
	return x->form == form && x->a_n == a.n && x->b_n == b.n && memcmp(x->text, a.p, a.n) == 0 &&
	       (b.n == 0 || memcmp(x->text + a.n + 1, b.p, b.n) == 0);
}
/* STR_NULL: it names none. */
static inline struct str seen_thing(const struct seen_name *x)
{
	return x->thing_n > 0 ? (struct str){x->text + x->thing_at, x->thing_n} : STR_NULL;
}
/* False when its answer is no more good. */
static inline bool seen_answer(const struct seen_reader *r, const struct seen_name *x, series_id *id)
{
	uint64_t answer = atomic_load_explicit(&x->answer, memory_order_relaxed);
	uint32_t decisions = (uint32_t)(answer >> 32);

	*id = (series_id){(uint32_t)answer};
	return decisions == 0 || decisions == r->decisions;
}

#endif
