/*
 * site - an empty store for one test, on either database.
 *
 *   ON_BOTH(name) { …uses s… }      declares name_sqlite and, where a server is given, name_postgres.
 *
 * HEMING_TEST_POSTGRES is the libpq connection string of a server whose contents do not matter; each test
 * makes a schema in it and drops it. The clock is manual.
 */
#ifndef HEMING_TEST_SITE_H
#define HEMING_TEST_SITE_H

#include "check.h"
#include "store/journal.h"
#include "store/store_int.h"

extern const struct store_schema probe_schema;

struct site {
	bool postgres;
	char *server; /* connection string without the schema; NULL for SQLite */
	char schema[64];
	char *address;
	struct clock *clock;
	struct id_source *ids;
	struct store_options o;
	struct store *st; /* opened with the probe's schema */
};

void site_init(struct site *s, bool postgres);
void site_fini(struct site *s);
/* Closes if need be, opens anew; with more ids behind it as a restarted program would have. */
bool site_open(struct site *s);
void site_close(struct site *s);
/* A second program on the same store; the caller closes it. */
struct store *site_second(struct site *s, struct id_source *ids);
/* Runs SQL behind the store's back. */
void site_sql(struct site *s, const char *sql);
/* A number that PostgreSQL's server answers, -1 if it does not. */
int64_t site_number(struct site *s, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Registers a test that runs body on one database, as TEST() does. */
void site_register(struct check_test *t);

#define ON_BOTH(name)                                                                                        \
	static void body__##name(struct site *s);                                                            \
	static void run__##name(bool postgres)                                                               \
	{                                                                                                    \
		struct site site;                                                                            \
		site_init(&site, postgres);                                                                  \
		if (check(site_open(&site)))                                                                 \
			body__##name(&site);                                                                 \
		site_fini(&site);                                                                            \
	}                                                                                                    \
	TEST(name##_sqlite)                                                                                  \
	{                                                                                                    \
		run__##name(false);                                                                          \
	}                                                                                                    \
	static void postgres__##name(void)                                                                   \
	{                                                                                                    \
		run__##name(true);                                                                           \
	}                                                                                                    \
	__attribute__((constructor)) static void register_postgres__##name(void)                             \
	{                                                                                                    \
		static struct check_test t = {__FILE__, #name "_postgres", postgres__##name, NULL};          \
		if (getenv("HEMING_TEST_POSTGRES"))                                                          \
			check_register(&t);                                                                  \
	}                                                                                                    \
	static void body__##name(struct site *s)

/* ---- words that many tests use ---- */

struct put {
	int64_t id, n;
	const char *name;
	int result; /* what the function is to return; 0: what the statement says */
};
int put_write(struct store_tx *tx, void *arg, struct err *e); /* arg: struct put */
int put(struct site *s, int64_t id, const char *name, int64_t n, struct err *e);
int64_t count(struct site *s); /* rows of probe, -1 on failure */
int append(struct site *s, const char *kind, const char *subject, const char *subject_id, const char *region,
        int64_t secrecy, const char *payload);

#endif
