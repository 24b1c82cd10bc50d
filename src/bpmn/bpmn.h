/*
 * bpmn - executable process definitions of OMG BPMN 2.0: decide which events follow, apply them.
 *
 * The engine is a pure pair of functions over a definition:
 *
 *   bpmn_decide(definition, state, input, services) -> events     changes nothing
 *   bpmn_apply(definition, state, event)		-> new state   cannot fail on events of decide
 *
 * The caller applies the events and acts on them in one transaction: a TASK_OPENED becomes a task
 * row, a TIMER_SET a timer row. So state is the fold of its events, and a step is all or nothing.
 *
 * Scopes nest: the process, a sub-process, a repeated activity and each of its instances, an event
 * sub-process, a called process. Each is a token of the state whose key its contents name as their scope;
 * a called process has definition and variables of its own, but lies in the same state, so that what
 * crosses its border (an error, a cancellation) is one step.
 *
 * The executable subset, the extension attributes and the texts of timers: docs/flows.md. What is not in it
 * is refused at load, with element id and line. Definitions are immutable: any thread. A state has one
 * owner.
 */
#ifndef HEMING_BPMN_H
#define HEMING_BPMN_H

#include "dmn/dmn.h"

struct bpmn_def;
struct bpmn_state;

enum bpmn_element_type {
	BPMN_START_EVENT,
	BPMN_END_EVENT,
	BPMN_INTERMEDIATE_EVENT,
	BPMN_BOUNDARY_EVENT,
	BPMN_USER_TASK,
	BPMN_SERVICE_TASK,
	BPMN_BUSINESS_RULE_TASK,
	BPMN_MANUAL_TASK,
	BPMN_EXCLUSIVE_GATEWAY,
	BPMN_PARALLEL_GATEWAY,
	BPMN_INCLUSIVE_GATEWAY,
	BPMN_EVENT_GATEWAY,
	BPMN_SUB_PROCESS,
	BPMN_SEND_TASK,
	BPMN_RECEIVE_TASK,
	BPMN_CALL_ACTIVITY,
};
struct bpmn_element {
	const char *id, *name;
	enum bpmn_element_type type;
	int line;
	const char *role, *outcomes, *stage, *form; /* extension attributes, "" if none */
	const char *ref;                            /* decision, topic, message or called process; "" */
	const char *calendar;                       /* of its timer; "" */
	const char *signal;                         /* that it waits for or throws; "" */
};

/* Loads the first executable process of the XML (or the one with id `process` if not NULL). */
MUST_USE int bpmn_load(
        struct str xml, const char *name, const char *process, struct bpmn_def **out, struct err *e);
void bpmn_free(struct bpmn_def **d);
const char *bpmn_process_id(const struct bpmn_def *d);
const char *bpmn_process_name(const struct bpmn_def *d);
const struct bpmn_element *bpmn_element(const struct bpmn_def *d, const char *id); /* NULL if none */
int bpmn_elements(const struct bpmn_def *d);
const struct bpmn_element *bpmn_element_at(const struct bpmn_def *d, int i);
/* Would its instances come to an end? What bpmn_load refuses, and beyond that: joins that wait for ever,
 * parts that run twice, elements that nothing reaches, loops that nobody stops, missing default flows. One
 * sentence each; returns the number of errors (warnings are told with error false). */
int bpmn_check(
        const struct bpmn_def *d, void (*tell)(void *ctx, bool error, int line, const char *text), void *ctx);

/* ---- start events of the process, for those who begin instances ---- */

struct bpmn_start {
	const struct bpmn_element *element;
	enum { BPMN_BY_NOBODY, BPMN_BY_TIMER, BPMN_BY_MESSAGE, BPMN_BY_SIGNAL, BPMN_BY_CONDITION } by;
	const char *name; /* of the message or signal; the text of the timer; "" */
};
/* The start event at the place i of bpmn_element_at; false: there is none of the process itself. */
bool bpmn_start_at(const struct bpmn_def *d, int i, struct bpmn_start *out);

struct bpmn_services;
/* The text of one of these attributes as written, NULL: it is not there. */
const char *bpmn_start_text(const struct bpmn_def *d, const struct bpmn_start *start, const char *name);
/* What it says of its case: a context of category, title, region, thing, org and level, as far as they are
 * said; FEEL sees the variables. ERR_UNPROCESSED: it cannot be said. */
MUST_USE int bpmn_start_says(const struct bpmn_def *d, const struct bpmn_start *start,
        const struct feel_value *variables, const struct bpmn_services *sv, struct arena *a,
        struct feel_value *out, struct err *e);
/* The firing of a timer: the first (left is NULL), or that after `*at`, with what was left then. *at is
 * TIME_NONE when there is none. ERR_UNPROCESSED: its time cannot be said. */
MUST_USE int bpmn_start_due(const struct bpmn_def *d, const struct bpmn_start *start,
        const struct bpmn_services *sv, struct arena *a, time_us *at, const char **left, struct err *e);

/* ---- state ---- */

/* What replaced values took is given back only with the state: one that lives for many steps is to be written
 * and read again now and then. */
struct bpmn_state *bpmn_state_new(void);
void bpmn_state_free(struct bpmn_state **s);
/* Compact JSON text of tokens, waits, timers and variables; reads back as the same state. */
void bpmn_state_write(const struct bpmn_state *s, struct sb *b);
MUST_USE int bpmn_state_read(struct str text, struct bpmn_state **out, struct err *e);
bool bpmn_state_ended(const struct bpmn_state *s);
const struct feel_value *bpmn_state_variables(const struct bpmn_state *s); /* a context: the process's own */
/* What is seen from the token of a task: its own variables and those around it. A context in the arena, whose
 * values are the state's. */
struct feel_value bpmn_state_seen(const struct bpmn_state *s, uint32_t key, struct arena *a);

/* ---- inputs and events ---- */

enum bpmn_input_type {
	BPMN_START,    /* variables; name: message, signal or id of the start event, "" for the none start */
	BPMN_COMPLETE, /* key of a task; variables to merge; the outcome is the variable `outcome` */
	BPMN_TIMER,    /* key of a timer */
	BPMN_MESSAGE,  /* name, variables; the oldest wait for it takes it, ERR_STATE if there is none */
	BPMN_SIGNAL,   /* name, variables; every wait for it */
	BPMN_ERROR,    /* key of a task; name = error code */
	BPMN_SET,     /* variables to merge, as seen from the token `key` or, 0, from the process; conditional
	               * events and incidents are looked at again */
	BPMN_CANCEL,  /* end the instance */
	BPMN_MIGRATE, /* the state was begun with another version; variables: its ids -> ids of this one, for
	               * elements and flows that were renamed */
};
struct bpmn_input {
	enum bpmn_input_type type;
	uint32_t key;
	struct str name;
	const struct feel_value *variables; /* a context or NULL */
	const struct bpmn_def *from;        /* BPMN_MIGRATE: the definition it was begun with */
};

enum bpmn_event_type {
	BPMN_STARTED,
	BPMN_TOKEN,          /* a token was put on element (key) */
	BPMN_TOKEN_GONE,     /* and taken away */
	BPMN_FLOW_TAKEN,     /* sequence flow `element`; for history and pictures */
	BPMN_TASK_OPENED,    /* key, element; org of the task in `text` */
	BPMN_TASK_DONE,      /* key */
	BPMN_TASK_CANCELLED, /* key, e.g. by an interrupting boundary event */
	BPMN_SERVICE_CALLED, /* key, element, topic in `text`: answer with BPMN_COMPLETE or BPMN_ERROR */
	BPMN_DECIDED,        /* a decision ran: element, explanation in `text` */
	BPMN_TIMER_SET,      /* key, element, at */
	BPMN_TIMER_GONE,     /* key */
	BPMN_WAITING,        /* key, element: message or signal name in `text` */
	BPMN_WAIT_GONE,      /* key of a wait that ends before its token does */
	BPMN_LOOP,           /* the activity of the token `key` is carried out once for each instance */
	BPMN_CALLED,         /* key, element; process in `text`, its version in value */
	BPMN_RETURNED,       /* key, element: the called process has ended */
	BPMN_VARIABLE,       /* text = name, value; of the token `scope`, 0: of the process */
	BPMN_ESCALATED,      /* escalation code in `text` */
	BPMN_MESSAGE_SENT,   /* name in `text`, variables in value */
	BPMN_SIGNAL_SENT,    /* name in `text`: for the other instances; this one has caught it already */
	BPMN_INCIDENT,       /* could not go on at element: why, in `text`; the token waits there */
	BPMN_MIGRATED,       /* the state now belongs to this definition; renamed ids in value */
	BPMN_ENDED,
};
struct bpmn_event {
	enum bpmn_event_type type;
	const char *element;        /* id, borrowed from the definition or from the state */
	const struct bpmn_def *def; /* that has the element: the instance's own or that of a called process */
	uint32_t key;   /* names a token, task, timer or wait within the instance; never used twice.
	                 * A task or service call has the key of its token. */
	uint32_t scope; /* key of the enclosing scope, 0 for the process; of a timer or wait: key of the
	                 * token that waits, for a boundary event that of its activity, for an event
	                 * sub-process that of the scope it lies in */
	time_us at;
	struct str text;
	int node, flow; /* places of element and text in the definition: a hint, which may be wrong */
	struct feel_value value;
};
struct bpmn_events {
	struct bpmn_event *e;
	size_t n, cap;
};

struct bpmn_services {
	void *ctx;
	time_us now;
	const struct zone *zone;
	/* The model that holds the decision `ref` (id or name), or NULL. */
	const struct dmn_model *(*decision)(void *ctx, const char *ref);
	/* Instant at which `d` of working time of a calendar has passed; TIME_NONE if there is no such
	 * calendar. */
	time_us (*working)(void *ctx, const char *calendar, time_us from, dur_us d);
	/* The definition of a process: *version 0 asks for the newest and is set to its version. NULL if
	 * there is none. It must live as long as the states that hold calls of it. */
	const struct bpmn_def *(*called)(void *ctx, const char *process, int *version);
};

/* Events live in the arena. ERR_STATE if the input does not fit the state (e.g. the task is not open):
 * nothing happens then. ERR_UNPROCESSED when more than 10,000 steps follow (a loop without a person). */
MUST_USE int bpmn_decide(const struct bpmn_def *d, const struct bpmn_state *s, const struct bpmn_input *in,
        const struct bpmn_services *sv, struct arena *a, struct bpmn_events *out, struct err *e);
/* Events of decide in order. ERR_BUG for an event that does not belong to the state. */
MUST_USE int bpmn_apply(
        const struct bpmn_def *d, struct bpmn_state *s, const struct bpmn_event *ev, struct err *e);

/* Can this instance go on with definition d? Tells every reason why not, by element; returns their number.
 * renamed: as the variables of BPMN_MIGRATE, or NULL. */
int bpmn_migration_check(const struct bpmn_def *d, const struct bpmn_state *s,
        const struct feel_value *renamed, void (*tell)(void *ctx, const char *element, const char *why),
        void *ctx);

/* What is open, in order of keys: for buttons, and to check rows against the state. */
struct bpmn_open {
	enum { BPMN_OPEN_TASK, BPMN_OPEN_TIMER, BPMN_OPEN_WAIT, BPMN_OPEN_SERVICE } what;
	uint32_t key;
	const char *element;
	const char *process; /* called process that has the element, "" for the instance's own … */
	int version;         /* … and its version */
	const char *own;     /* itself, or the call activity of the instance's own process that it lies in */
	time_us at;
};
size_t bpmn_state_open(const struct bpmn_state *s, struct arena *a, struct bpmn_open **out);

#endif
