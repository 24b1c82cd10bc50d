/*
 * run_int - what the files of the token game share: one run of bpmn_decide over a draft of the state.
 *
 * Every event is applied to the draft as soon as it is decided, by the same function that the caller
 * uses, so that folding the events cannot give another state than the one decided upon.
 *
 * Tokens move first come, first served until none can; then inclusive joins are looked at (they depend
 * on where all the others are), then conditional events. When the first failure is kept in rc, all that
 * follows does nothing.
 */
#ifndef HEMING_BPMN_RUN_INT_H
#define HEMING_BPMN_RUN_INT_H

#include "bpmn/bpmn_int.h"

/* Deeper values could not be read back from the JSON of the state. */
#define RUN__VALUE_DEPTH_MAX 24
/* Instances of one activity, and processes that call one another. */
#define RUN__INSTANCES_MAX 1000
#define RUN__CALLS_MAX 16
#define RUN__EVALUATION_MAX 1000000 /* steps of one expression */

struct run {
	const struct bpmn_def *d;
	struct bpmn_state s; /* the draft */
	const struct bpmn_services *sv;
	const struct zone *zone;
	struct feel_scope scope; /* of the process */
	struct arena *a;
	struct bpmn_events *out;
	struct err *e;
	int rc;
	int steps;
	bool look; /* variables changed or a condition was set: conditional events are to be looked at */
	uint32_t *queue; /* keys of tokens that are to move; one that is gone meanwhile is passed over */
	size_t q_at, q_n, q_cap;
};

/* ---- run.c: events, tokens, and the loop that moves them ---- */

void run__fail(struct run *r, int rc);
void run__no_memory(struct run *r);
struct str run__keep(struct run *r, const char *p, size_t n);      /* a copy in the arena */
struct bpmn__token *run__token(const struct run *r, uint32_t key); /* one that is there */
const struct bpmn__node *run__node(const struct bpmn__token *t);
void run__emit(struct run *r, const struct bpmn_event *ev);
/* An event about the token itself. */
void run__emit_at(struct run *r, enum bpmn_event_type type, uint32_t token, struct str text);
/* passed: only the way out is missing. */
void run__incident(struct run *r, uint32_t token, bool passed, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* A new token on a node, not yet moving. via -1: by no flow. Returns its key. */
uint32_t run__put(struct run *r, const struct bpmn_def *d, int node, uint32_t scope, int via);
void run__put_moving(struct run *r, const struct bpmn_def *d, int node, uint32_t scope, int via);
void run__push(struct run *r, uint32_t token); /* it is to move */
void run__take(struct run *r, uint32_t token);
/* Ends whatever the token does, and all inside it. */
void run__cancel(struct run *r, uint32_t token);
void run__cancel_scope(struct run *r, uint32_t scope);
void run__end(struct run *r, struct str why); /* the instance */
void run__go(struct run *r);

/* ---- value.c: variables and expressions, as seen from a token ---- */

/*
 * The variables seen from a token: its own, those of the scopes around it, outwards to those of its process.
 * inside: as seen by what lies in it; that differs for a call, whose inside sees the called process only.
 */
const struct feel_scope *run__seen(struct run *r, uint32_t key, bool inside);
/* Of a name the nearest; NULL: none. */
const struct feel_value *run__value(const struct feel_scope *seen, struct str name);
/* All of them as one context, in the arena. */
struct feel_value run__variables(struct run *r, uint32_t key, bool inside);
/* Limits of evaluation are an incident like any other: false and words in why. Only memory ends the step. */
bool run__eval(struct run *r, const struct feel_scope *scope, const struct feel_expr *x,
        struct feel_value *out, struct sb *notes, char *why, size_t n);
bool run__true(struct run *r, const struct feel_scope *scope, const struct feel_expr *x, struct sb *notes);
int run__depth(const struct feel_value *v); /* counted to RUN__VALUE_DEPTH_MAX + 1 */
/* Sets a variable where it is, or else of the process. */
void run__set(struct run *r, uint32_t key, bool inside, struct str name, const struct feel_value *v);
void run__set_own(struct run *r, uint32_t token, const char *name, struct feel_value v);
void run__merge(struct run *r, uint32_t key, bool inside, const struct feel_value *variables);
/* Names that the engine keeps for itself in the variables of a token. */
bool run__is_reserved(struct str name);

/* ---- event.c: timers, waits, what happens to who waits ---- */

struct run__due {
	time_us at;       /* TIME_NONE: never */
	struct str cycle; /* what is left of a cycle after this firing; "" if nothing */
};
/* When the timer of a node is due. False: it cannot be said, because of *why; or the expression is null,
 * then *why is NULL. */
bool run__timer_due(struct run *r, const struct feel_scope *seen, const struct bpmn__node *n,
        struct run__due *out, const char **why);
/* The firing of a cycle that comes after that at due->at: changes *due, false if there is none. Those that
 * were missed are passed over and count as fired. */
bool run__cycle_next(struct run *r, const struct bpmn__node *n, struct run__due *due);

/*
 * Does `open`, if it is not NULL, and sets the timers and waits for the events `node` (n of them) on behalf
 * of the token: all, or an incident and none. A boundary timer, or one that starts an event sub-process, is
 * not set if its expression is null: a case without a deadline has none.
 */
bool run__arm(struct run *r, uint32_t token, const struct bpmn_event *open, const int *node, int n);
void run__drop_timers(struct run *r, uint32_t token);
void run__drop_inner_waits(struct run *r, uint32_t scope);
void run__drop_waits(struct run *r, uint32_t token); /* timers too */
void run__timer_fires(struct run *r, const struct bpmn__wait *w);
void run__happens(struct run *r, const struct bpmn__wait *w);
void run__broadcast(struct run *r, struct str signal);
bool run__conditions(struct run *r); /* fires the first conditional event that may; true if one did */
/* What a throwing or end event sends out. The token may be gone afterwards. */
void run__throw(struct run *r, uint32_t token);

/* ---- scope.c: what holds tokens: its end, and what is thrown in it ---- */

/* A scope is done when the last of its tokens is gone. */
void run__scope_done(struct run *r, uint32_t scope);
void run__boundary_fires(struct run *r, uint32_t host, int boundary);
void run__handler_fires(struct run *r, uint32_t scope, const struct bpmn_def *d, int start);
/* Error or escalation, from the scope outwards; true if it was caught. */
bool run__catch(struct run *r, uint32_t scope, enum bpmn__trigger trigger, struct str code);
/* The same from an activity that is being done. */
bool run__catch_at(struct run *r, uint32_t token, enum bpmn__trigger trigger, struct str code);

/* ---- gateway.c: ways out, and joins ---- */

/* Takes the token away and puts one on the target of each flow that is taken. */
void run__leave(struct run *r, uint32_t token);
bool run__is_join(const struct bpmn__node *n);
void run__parallel_join(struct run *r, uint32_t token);
bool run__inclusive_joins(struct run *r); /* passes the first that may; true if one did */

/* ---- task.c, loop.c, call.c: activities ---- */

void run__activity(struct run *r, uint32_t token);
void run__event_gateway(struct run *r, uint32_t token);
void run__catch_event(struct run *r, uint32_t token);
/* Boundary events belong to a repeated activity as a whole: 0 for an instance. */
int run__boundaries(const struct run *r, const struct bpmn__token *t);
void run__loop_begin(struct run *r, uint32_t token);
void run__instance_done(struct run *r, uint32_t token);
void run__call(struct run *r, uint32_t token);
void run__call_done(struct run *r, uint32_t token);

/* ---- migrate.c ---- */

int run__migrate(struct run *r, const struct bpmn_input *in);

#endif
