/*
 * index - label sets and ids: hash of a set to its id, and for every (name, value) the ids that have it.
 *
 * A label pair is kept once for all series that share it; a series holds numbers of pairs. A value
 * under 1 million series thus costs 4 bytes a series. Names and pairs are numbered densely.
 *
 * Ownership: the index owns its entries and all text. Threads: none of its own; the caller locks.
 */
#ifndef HEMING_SERIES_INDEX_H
#define HEMING_SERIES_INDEX_H

#include "base/labels.h"
#include "base/small.h"

#define SERIES_MAX 16000000
#define LABELS_MAX 64
#define LABELS_MAX_B 32768

struct ids {
	uint32_t *p;
	size_t n, cap;
};
void ids_add(struct ids *s, uint32_t id);
void ids_fini(struct ids *s);

struct index_entry {
	uint32_t *pair; /* in the order of names; NULL: free */
	uint32_t hash;
	uint8_t n;
};

struct index_pair {
	char *value; /* NULL: free */
	uint32_t value_n, name, hash;
	uint32_t at; /* place among the pairs of its name; of a free one: the next free one */
	uint32_t n, cap;
	union {
		uint32_t one, *many; /* ids ascending; cap 0: at most one */
	} ids;
};
struct index_name {
	char *name;
	uint32_t n;
	struct ids pairs;
};

/* Hashes with their numbers, side by side: a look-up rarely touches more than one line of the cache, and a
 * table that grows does not look at what it points to. Probed linearly, at most three quarters full. */
struct index_slot {
	uint32_t hash, number; /* number 0: free */
};
struct index_table {
	struct index_slot *slot;
	uint32_t size, n; /* size: a power of two */
};

struct index {
	size_t entry_b;  /* size of what embeds the entry */
	size_t entry_at; /* and where */
	size_t beside_b; /* size of what is kept apart from it, see index_beside() */
	void *blank;     /* what that is at first */
	char **chunk;    /* INDEX_CHUNK entries each, then what is kept apart; a chunk never moves */
	uint32_t n;      /* ids 1…n were given out */
	uint32_t alive;
	uint64_t changes; /* sets that were added or removed */
	struct index_table sets, pair_table;
	struct index_pair *pair;
	size_t pairs, pair_cap;
	uint32_t pair_free;
	struct index_name *name;
	size_t names, name_cap;
	uint32_t
	        usual[LABELS_MAX]; /* names of the set that was added last, by place: mostly the next one's */
	struct small small;        /* numbers of entries, texts of values */
};

#define INDEX_CHUNK 4096u
#define INDEX_CHUNKS (SERIES_MAX / INDEX_CHUNK + 1)

/* beside: a blank one of what each id has in a dense row of its own; beside_b 0: nothing. Copied. */
void index_init(struct index *x, size_t entry_b, size_t entry_at, const void *beside, size_t beside_b);
void index_fini(struct index *x);
static inline struct index_entry *index_entry(const struct index *x, uint32_t id)
{
	return (struct index_entry *)(void *)(x->chunk[id / INDEX_CHUNK] + id % INDEX_CHUNK * x->entry_b +
	                                      x->entry_at);
}
/* Of any id up to x->n; blank until its owner writes to it. */
static inline void *index_beside(const struct index *x, uint32_t id)
{
	return x->chunk[id / INDEX_CHUNK] + INDEX_CHUNK * x->entry_b + id % INDEX_CHUNK * x->beside_b;
}
static inline bool index_has(const struct index *x, uint32_t id)
{
	return id >= 1 && id <= x->n && index_entry(x, id)->pair;
}

/* The hashes of a set, which depend on its texts alone: made before any lock is held. */
struct index_key {
	uint32_t set;
	uint32_t pair[LABELS_MAX]; /* of each label */
};
void index_key(const struct labels *ls, struct index_key *out);
/* Have the memory ask for the places of a set of n labels; and, once these are there, for what they name.
 * Whoever has many sets does so for all of them first, and waits once instead of for each. */
void index_soon(const struct index *x, const struct index_key *k, int n);
void index_sooner(const struct index *x, const struct index_key *k, int n);

/* 0: unknown. */
uint32_t index_find(const struct index *x, const struct labels *ls);
uint32_t index_find_keyed(const struct index *x, const struct labels *ls, const struct index_key *k);
/* Adds a set. id 0: the next one; else this one. 0: the id is not free or past the limit, or there is such a
 * set. */
uint32_t index_add(struct index *x, const struct labels *ls, uint32_t id);
uint32_t index_add_keyed(struct index *x, const struct labels *ls, const struct index_key *k, uint32_t id);
/* So many sets will come: room for them is made at once. */
void index_expect(struct index *x, uint32_t sets);
/* The ids up to n have been used, whoever remembers them. */
void index_reserve(struct index *x, uint32_t n);
void index_remove(struct index *x, uint32_t id);

/* Views into the index, valid under its lock; out has room for LABELS_MAX. */
int index_labels(const struct index *x, uint32_t id, struct label *out);
struct str index_value(const struct index *x, uint32_t id, struct str name);
/* The number of a name, for index_value_of(); UINT32_MAX: no set has it. */
uint32_t index_name_number(const struct index *x, struct str name);
struct str index_value_of(const struct index *x, uint32_t id, uint32_t name);
const struct index_name *index_name(const struct index *x, struct str name);

/* Appends the ids that match, ascending. A matcher with skip[i] is left out. */
void index_match(const struct index *x, const struct matcher *m, int n, const bool *skip, struct ids *out);

#endif
