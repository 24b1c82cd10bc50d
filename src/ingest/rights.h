/*
 * rights - who may say and hear what over MQTT.
 *
 *   a device            publishes readings and answers of its things; hears their readings and commands
 *   an account's token  hears readings and answers of the things in its scope; publishes nothing
 *   nobody              if the site lets clients without credentials in
 *   all but tokens      exchange messages under the topics that the site sets aside for that
 *
 * Devices made for ThingsBoard say v1/devices/me/… of their own thing and v1/gateway/… of all; what is sent
 * to them is v1/devices/CODE/… and v1/gateway/rpc/CODE inside.
 *
 * Wildcards are allowed in a subscription; what lies outside is not sent.
 */
#ifndef HEMING_INGEST_RIGHTS_H
#define HEMING_INGEST_RIGHTS_H

#include "city/account.h"
#include "city/site.h"

/* Filters by blanks, those with "!" before them forbid. */
struct exchange {
	const char *filters;
};
/* ERR_INVALID names the one that is no filter. */
MUST_USE int exchange_check(const char *filters, struct err *e);

struct rights {
	struct site *site;
	const struct exchange *exchange;
	enum { RIGHTS_DEVICE, RIGHTS_TOKEN, RIGHTS_OPEN } kind;
	const char *name;  /* for the log */
	const char *owner; /* whose MQTT sessions are its */
	struct device device;
	struct who who;           /* of a token */
	struct str login, secret; /* as they came: both are looked up again */
	struct arena *found;      /* what was found last */
	const char *known;        /* the device whose secret was wrong; NULL: there is none of that name */
};
/* username or password STR_NULL: not given. A user name NAME:SECRET or SECRET without a password is a device
 * whose client knows but one token, as those made for ThingsBoard do. open: nobody is let in. ERR_UNAUTH. */
MUST_USE int rights_find(struct site *s, const struct exchange *x, bool open, struct str username,
        struct str password, struct arena *a, struct rights *out, struct err *e);
/* Those of an owner who is not here. ERR_NOTFOUND: there is none any more that may publish. */
MUST_USE int rights_absent(struct site *s, const struct exchange *x, bool open, struct str owner,
        struct arena *a, struct rights *out, struct err *e);
/* Looks the credentials up again, since a connection lives long; false when they have ended. */
bool rights_still(struct rights *r);
void rights_free(struct rights *r);

/* The one thing that a device stands for, in the device's memory: the thing whose code its --things is, or
 * that has its login as the code. STR_NULL when it may not write that. */
#define DEVICE_OF_NO_THING                                                                                   \
	"the device stands for no single thing: heming device add NAME --things CODE, or a NAME that is "    \
	"the thing's"
struct str device_thing(struct site *s, const struct device *d);

/* The topics of the house: t/THING…, things/THING/commands/ID and things/THING/answers/ID, lp…; and those of
 * ThingsBoard: v1/devices/THING/… (OWN) and v1/gateway/…. */
enum topic_kind {
	TOPIC_READING,
	TOPIC_LINES,
	TOPIC_COMMAND,
	TOPIC_ANSWER,
	TOPIC_OWN,
	TOPIC_GATEWAY,
	TOPIC_OTHER
};
/* thing: STR_NULL if the topic names none; rest: behind it, or STR_NULL. Of filters too. */
enum topic_kind topic_kind(struct str topic, struct str *thing, struct str *rest);
bool rights_publish(const struct rights *r, struct str topic); /* to the topics of the exchange */
bool rights_subscribe(const struct rights *r, struct str filter);
bool rights_receive(const struct rights *r, struct str topic);
/* Between the names of a device made for ThingsBoard and those inside; false: they are the same. */
bool rights_inside(const struct rights *r, struct str filter, struct sb *to);
bool rights_outside(const struct rights *r, struct str topic, struct sb *to);

#endif
