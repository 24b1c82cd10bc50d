/*
 * door - a stand-in for src/net in the tests of the API: requests are structs, answers are text, and no
 * socket is opened. And a small city of one pack, under a manual clock.
 */
#ifndef HEMING_TEST_DOOR_H
#define HEMING_TEST_DOOR_H

#include "api/api_int.h"

#define CITY_NOW "2026-07-14T00:00:00Z"

struct answer {
	int status;
	const char *mime, *body; /* body "" if none; all until city_close */
	const char *header;      /* "Name: value\n" of each */
	size_t body_n;           /* of a body that is no text */
};

struct city {
	struct site *site;
	struct api_server *api;
	char password[32]; /* of every account: admin, boss, duty, worker (org o1), yi (sees region 3202 only)
	                    */
};
/* A site in the test's folder with accounts and things, and its door. */
void city_open(struct city *t);
/* Of another pack, with its rules at work, where duty is of ycoc, worker and yi of zhujian, and yi sees
 * 320903 only. */
void city_open_pack(struct city *t, const char *pack);
/* The accounts of those two: own, of city_open, or of city_open_pack. */
void city_accounts(struct city *t, bool own);
/* Of these packs (folders, NULL-ended), in a folder of the test's of this name, without accounts. */
void city_open_bare(struct city *t, const char *name, const char *const *packs, bool rules);
/* With the password of all. */
void city_add_account(struct city *t, const char *login, const char *roles, const char *org,
        const char *regions, int clearance);
void city_close(struct city *t);
/* One reading at CITY_NOW + after_s. */
void city_reading(struct city *t, const char *metric, const char *thing, double after_s, double v);

/* Formatted; lives until city_close, as all texts of answers do. */
const char *text(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Every answer is held against what the route's row says: status, media type, schema.
 * headers: "Name: value\n…", NULL if none. Waits for the answer; a stream is answered with its first text. */
struct answer ask(const char *method, const char *target, const char *headers, const char *body);
/* Signs in; returns "Authorization: Bearer …\n". */
const char *sign_in(struct city *t, const char *login);
/* Whether any test of this program has had a good answer of this row; all: how many answers there were. */
bool door_covered(const struct route *r, int *all);
const char *answer_header(const struct answer *a, const char *name); /* NULL if missing */

/* ---- streams: what was sent to the reader of the one stream ---- */

/* Waits until the text holds `words`; false after 10 s. */
bool stream_waits_for(const char *words);
const char *stream_text(void);
void stream_leave(void); /* the reader goes away */
bool stream_ended(void);
void stream_deaf(bool deaf); /* sending fails, as to a reader that does not read */

#endif
