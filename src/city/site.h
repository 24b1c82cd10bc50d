/*
 * site - what a running city has. One struct, made by site_open, passed to everything; no globals.
 *
 * Folder: site.yaml (settings), records.db, series/, secrets; see docs/operating.md.
 * Opening order: store, catalog, registry, cases, alarms, series (whose log tail is replayed through the push
 * rules), rules thread. Closing goes the other way.
 */
#ifndef HEMING_CITY_SITE_H
#define HEMING_CITY_SITE_H

#include "city/account.h"
#include "city/registry.h"
#include "city/running.h"
#include "city/secret.h"

struct health;
struct quarantine;
/* How long series of no class are kept, as in struct series_class (keep 0: for ever), and when each day what
 * is too old goes. */
struct retention_policy {
	dur_us keep, five, hour;
	int at_min; /* minutes after midnight, in the city's zone */
};

/* What lies below the city on its maps. */
struct base_map {
	const char *tiles;  /* address of raster tiles with {z}, {x} and {y}; NULL: none */
	const char *credit; /* whose they are, for people; NULL */
	enum geo_crs crs;   /* in which they are drawn, and with them all maps */
};

struct city_map;
struct rules;
struct series_remote;
struct series_remote_options;
struct standby;
struct retention;

struct site {
	const char *dir;
	struct clock *clock;
	struct id_source *ids;
	struct store *store;
	struct series_db *series;
	struct series_remote *remote; /* the engine behind the series; NULL: none */
	struct catalog *catalog;
	struct registry *registry;
	struct city_map *map;
	struct rules *rules;
	struct health *health;          /* of the devices */
	struct quarantine *quarantine;  /* of those that nobody knows */
	struct standby *standby;        /* NULL: none */
	struct retention *retention;    /* NULL: nobody serves */
	struct retention_policy retain; /* of series of no class */
	struct base_map base_map;       /* its texts are the caller's */
	struct runs runs;               /* what may be stopped */
	struct account_policy accounts;
	struct seal_ring seal;
	bool key_missing;             /* of the store's secrets */
	bool demo;                    /* some things are demo things: say so wherever it shows */
	struct series_virtual labels; /* of the registry; what series borrows */
	struct arena *arena;
	int lock; /* file descriptor of the lock on the folder */
};
struct site_options {
	const char *dir;
	const char *store;   /* address as store_options; NULL: sqlite in dir */
	struct clock *clock; /* taken over by the site; after a failure still the caller's */
	enum series_durability durability;
	size_t readings_cache_b; /* decoded readings kept in memory; 0: 256 MiB */
	enum digest_kind digest;
	int node;    /* 0 … 1023, for ids */
	bool create; /* make what is missing */
	bool rules;  /* run rules, timers and push checks (serve); tools open without */
	int readers;
	bool trace;
	struct secret_key key;                      /* file NULL: secret.key in dir */
	const char *standby;                        /* folder of the standby; NULL: none */
	dur_us standby_every;                       /* between two copies to it */
	bool keep_logs;                             /* there is a remote engine: logs wait for it */
	const struct series_remote_options *remote; /* without db and clock; NULL: nobody sends now */
	struct account_policy accounts;
	struct retention_policy retain; /* {0}: for ever */
	struct base_map base_map;       /* its texts stay the caller's, and live as long as the site */
};
MUST_USE int site_open(const struct site_options *o, struct site **out, struct err *e);
void site_close(struct site **s);
/* Waits until everything that the present instant asks for has been done: rules evaluated, timers fired,
 * writes committed. For tests with a manual clock. */
MUST_USE int site_settle(struct site *s, struct err *e);

#endif
