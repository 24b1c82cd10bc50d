/*
 * bpmn_int - what the files of the flow engine share: the definition as loaded, the state as kept.
 *
 * Nodes and flows are numbered in document order; every choice that the standard leaves open (which
 * token moves first, which condition is looked at first) follows keys and these numbers, so that the
 * same input always gives the same events.
 */
#ifndef HEMING_BPMN_INT_H
#define HEMING_BPMN_INT_H

#include "bpmn/bpmn.h"

#define BPMN__NS "http://www.omg.org/spec/BPMN/20100524/MODEL"
#define BPMN__NS_OWN "urn:heming:bpmn:1"

#define BPMN__STEPS_MAX 10000

/* ---- timers ---- */

/* What the text of a timer says. */
struct bpmn__span {
	enum { SPAN_AT, SPAN_AFTER, SPAN_EVERY } what;
	time_us at;   /* SPAN_AT */
	              /* SPAN_EVERY: the first firing, TIME_NONE: one duration after the beginning */
	int months;   /* SPAN_AFTER, SPAN_EVERY: calendar months … */
	dur_us rest;  /* … and the rest */
	int64_t left; /* SPAN_EVERY: firings still to come, from `at` on where it is said; -1 for no end */
};

/* ISO 8601 date-time, duration, R[n]/duration or R[n]/date-time/duration; z: zone of a date-time without one.
 * False and words in *why if it is none of them. */
MUST_USE bool bpmn__span_parse(
        struct str text, const struct zone *z, struct bpmn__span *out, const char **why);
/* The text that reads back as the same span. */
void bpmn__span_write(const struct bpmn__span *span, struct sb *b);

struct bpmn__timer {
	struct feel_expr *expr; /* NULL: text */
	const char *text;       /* as written, without the "=" */
	const char *calendar;   /* "" for none */
};

/* ---- definition ---- */

enum bpmn__kind {
	KIND_START,
	KIND_END,
	KIND_CATCH,
	KIND_THROW,
	KIND_BOUNDARY,
	KIND_USER,
	KIND_PASS, /* manual and abstract tasks: done by being reached */
	KIND_SERVICE,
	KIND_RULE,
	KIND_SEND,
	KIND_RECEIVE,
	KIND_SUB,
	KIND_CALL,
	KIND_XOR,
	KIND_AND,
	KIND_OR,
	KIND_EVENT_GATEWAY,
};

enum bpmn__trigger {
	TRIGGER_NONE,
	TRIGGER_TIMER,
	TRIGGER_MESSAGE,
	TRIGGER_SIGNAL,
	TRIGGER_ERROR,
	TRIGGER_ESCALATION,
	TRIGGER_CONDITION,
	TRIGGER_TERMINATE,
};

/* An activity that is carried out several times. */
struct bpmn__loop {
	bool parallel, standard, test_before;
	struct feel_expr *count, *collection; /* multi-instance: one of the two */
	struct feel_expr *until;              /* multi-instance: enough when true, NULL: never */
	struct feel_expr *again;              /* standard loop: once more while true, NULL: always */
	int64_t most;                         /* standard loop, -1: no limit */
	const char *item;                     /* variable of an instance, "" if none */
	const char *results;                  /* variable that takes the list of … */
	struct feel_expr *result;             /* … this, of each instance */
};

/* What goes into a called process, or comes out of it; what a start event says of the case that it begins. */
struct bpmn__map {
	const char *name;
	struct feel_expr *value; /* NULL: text */
	const char *text;
};

struct bpmn__node {
	struct bpmn_element pub;
	enum bpmn__kind kind;
	enum bpmn__trigger trigger; /* of events; TRIGGER_MESSAGE for a receive task */
	int parent;                 /* node of the enclosing sub-process, -1 for the process */
	const int *in, *out;        /* flows in document order */
	int n_in, n_out;
	int dflt;            /* default flow, -1 if none */
	int host;            /* boundary: the activity it is attached to; else -1 */
	bool interrupting;   /* boundary event, start event of an event sub-process */
	const int *boundary; /* boundary events attached to this activity */
	int n_boundary;
	int start;           /* sub-process: its start event, -1 before checking */
	bool handler;        /* sub-process that an event triggers */
	const int *handlers; /* sub-process: start events of the event sub-processes right in it */
	int n_handlers;
	struct bpmn__loop *loop; /* NULL: done once */
	const char **locals;     /* activity: variables of its own */
	int n_locals;
	struct bpmn__map *give, *back; /* call: what goes in and comes out; none: all variables */
	int n_give, n_back;
	struct bpmn__timer timer;
	struct feel_expr *expr;       /* condition of an event, org of a user task; NULL if none */
	const char *org;              /* user task: a fixed org, "" if none */
	const char *result;           /* business rule: variable of the result */
	const struct bpmn__map *said; /* start event of the process: what it says of the case */
	int n_said;
};

struct bpmn__flow {
	const char *id;
	int line, from, to;     /* nodes; -1 while unknown */
	int at;                 /* place among the flows into `to` */
	struct feel_expr *cond; /* NULL: always */
};

struct bpmn_def {
	uint32_t magic;
	uint32_t serial;  /* of this loading, never 0: tells a state whose definition it last met */
	struct arena *a;  /* all that the definition holds */
	const char *name; /* for messages */
	const char *id, *title;
	int line;
	struct bpmn__node *node;
	int n_nodes;
	struct bpmn__flow *flow;
	int n_flows;
	const int *handlers; /* start events of the event sub-processes right in the process */
	int n_handlers;
	int *slot; /* hash of ids -> node + 1; 0 empty */
	uint32_t n_slots;
};

#define BPMN__DEF_MAGIC 0xb3d70001u
#define BPMN__STATE_MAGIC 0xb3d70002u

int bpmn__node_find(const struct bpmn_def *d, struct str id); /* -1 if there is none */
int bpmn__flow_find(const struct bpmn_def *d, struct str id);
/* The node that an event is about; -1 if the definition has none of that id. */
int bpmn__node_of(const struct bpmn_def *d, const struct bpmn_event *ev);
static inline bool bpmn__is_activity(enum bpmn__kind k)
{
	return k >= KIND_USER && k <= KIND_CALL;
}
static inline bool bpmn__is_gateway(enum bpmn__kind k)
{
	return k >= KIND_XOR;
}

/* One finding: id of the node or flow at fault. */
typedef void bpmn__tell_f(void *ctx, bool error, const char *id, int line, const char *text);
/* What would leave an instance stuck or ambiguous by the drawing alone: refused when it is loaded. */
int bpmn__check(const struct bpmn_def *d, bpmn__tell_f *tell, void *ctx);
/* Of a definition without such errors: joins that wait for ever, what runs twice, what is dead. */
int bpmn__sound(const struct bpmn_def *d, bpmn__tell_f *tell, void *ctx);
int bpmn__endless(const struct bpmn_def *d, bpmn__tell_f *tell, void *ctx);
/* Marks the nodes from which `from` can be reached without passing through the gateway; stack: room for all.
 */
void bpmn__mark_upstream(const struct bpmn_def *d, int gateway, int from, bool *seen, int *stack);

/* ---- state ---- */

enum bpmn__phase { PHASE_NEW, PHASE_RUNNING, PHASE_ENDED };

/* What a token is doing where it lies. */
enum bpmn__doing {
	DOING_REST,     /* passing, waiting at a join, for an event, or for what is inside a sub-process */
	DOING_TASK,     /* a person works */
	DOING_SERVICE,  /* a service was called */
	DOING_INCIDENT, /* could not go on */
	DOING_STUCK,    /* incident at a gateway that was passed already: only its way out failed */
	DOING_LOOP,     /* tokens on the same element, inside it, are its instances */
	DOING_CALL,     /* a called process runs inside it */
};

struct bpmn__token {
	uint32_t key, scope;
	const char *element;
	const char *flow;           /* by which it came, "" if by none */
	const struct bpmn_def *def; /* that has element and flow; NULL: of a called process, not looked up */
	int node, via;              /* there; via -1 for none */
	enum bpmn__doing doing;
};

struct bpmn__wait {
	uint32_t key, owner;        /* owner: the token that waits; 0: the process */
	const char *element;        /* the event waited for */
	const struct bpmn_def *def; /* as of a token */
	int node;
	bool inner; /* for what is inside the owner: the start of an event sub-process */
	enum { WAIT_TIMER, WAIT_NAME, WAIT_CONDITION } what;
	time_us at;      /* timer */
	struct str text; /* timer: what is left of a cycle; name: message or signal */
	bool was;        /* condition: true when last looked at */
};

struct bpmn__call {
	uint32_t key; /* the token that calls */
	int version;
	const char *process;
	const struct bpmn_def *def; /* NULL: not looked up */
};

/* Variables of one token; of a call, those of the called process. */
struct bpmn__local {
	uint32_t owner;
	struct feel_value vars; /* a context */
	size_t cap; /* 0: its list is that of another state, for a draft that has changed none of it */
};

/* Tokens, waits, calls and locals are in order of keys, since keys only grow. */
struct bpmn_state {
	uint32_t magic;
	uint32_t serial; /* definition that the `node` fields and `ids` belong to; 0 none */
	bool unbound;    /* there are called processes that were not looked up */
	enum bpmn__phase phase;
	bool draft;        /* a copy within decide: borrows texts from definition, events and input */
	uint32_t next_key; /* the next key to be given */
	struct arena *a;   /* own, or the caller's of a draft; all that follows lies in it */
	struct bpmn__token *token;
	size_t n_tokens, cap_tokens;
	struct bpmn__wait *wait;
	size_t n_waits, cap_waits;
	struct bpmn__call *call;
	size_t n_calls, cap_calls;
	struct bpmn__local *local;
	size_t n_locals, cap_locals;
	const char **ids; /* own copies of the definition's ids, nodes then flows; NULL where not used yet */
	struct feel_value vars; /* a context */
	size_t cap_vars;        /* as of a local */
};

struct bpmn__token *bpmn__token_search(const struct bpmn_state *s, uint32_t key);
static inline struct bpmn__token *bpmn__token_find(const struct bpmn_state *s, uint32_t key)
{
	struct bpmn__token *last = s->n_tokens > 0 ? &s->token[s->n_tokens - 1] : NULL;

	/* Mostly the newest is meant. */
	return last == NULL || last->key <= key ? (last != NULL && last->key == key ? last : NULL)
	                                        : bpmn__token_search(s, key);
}
/* Index of the first wait with a key above `key`. What a token waits for has later keys than the token. */
size_t bpmn__waits_after(const struct bpmn_state *s, uint32_t key);
struct bpmn__wait *bpmn__wait_find(const struct bpmn_state *s, uint32_t key);
struct bpmn__call *bpmn__call_find(const struct bpmn_state *s, uint32_t key);
struct bpmn__local *bpmn__local_find(const struct bpmn_state *s, uint32_t owner);
const struct feel_value *bpmn__entry(const struct feel_value *context, struct str name); /* NULL: none */
/* The same to the last digit, so that one can stand for the other. Of moments and durations it is not looked
 * into: false. */
bool bpmn__same_value(const struct feel_value *a, const struct feel_value *b);
/* The definition inside the scope `key`; NULL: not looked up. */
const struct bpmn_def *bpmn__def_inside(const struct bpmn_state *s, const struct bpmn_def *d, uint32_t key);
/* An instance of a repeated activity, as against the activity as a whole. */
bool bpmn__is_instance(const struct bpmn_state *s, const struct bpmn__token *t);
/* Makes the `node` fields those of d; of called processes only with sv. ERR_STATE if the state names an
 * element that its definition does not have. */
MUST_USE int bpmn__state_bind(
        struct bpmn_state *s, const struct bpmn_def *d, const struct bpmn_services *sv, struct err *e);
/* Why a token cannot lie on its node, or a wait wait there; NULL: it can. Tokens before it are bound. */
const char *bpmn__token_misfit(const struct bpmn_state *s, const struct bpmn__token *t);
const char *bpmn__wait_misfit(const struct bpmn_state *s, const struct bpmn__wait *w);
/* Is the scope within a called process? */
bool bpmn__in_call(const struct bpmn_state *s, uint32_t scope);
/* The id that an element or flow of an older version has now. renamed: old id -> new, a context. */
struct str bpmn__migrated_id(const struct feel_value *renamed, const char *id);
/* A draft of s in the arena, not bound. */
MUST_USE int bpmn__state_draft(
        struct bpmn_state *out, const struct bpmn_state *s, struct arena *a, struct err *e);

#endif
