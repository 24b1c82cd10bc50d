/*
 * model - random processes, and a slow interpreter of them that keeps to the words of the standard: tokens
 * lie on sequence flows, a node fires when its rule allows, a scope is an object of its own with what runs
 * inside it.
 *
 * Nodes and flows are n0, n1, … and f0, f1, … over all processes of a model; a node's scope is the
 * sub-process or process that it lies in. Conditions are single variables v0 … v4. There is one signal, one
 * error and one escalation; a message has the id of who waits for it as name.
 *
 * What is thrown is thrown right after a task, alone: which of two tokens moves first is the engine's choice,
 * and the interpreter's is another.
 */
#ifndef HEMING_TESTS_MODEL_H
#define HEMING_TESTS_MODEL_H

#include "bpmn/bpmn.h"

enum { MODEL_NODES = 400, MODEL_FLOWS = 600, MODEL_VARS = 5, MODEL_NO_END = 1000000 };

enum what {
	W_PROCESS, /* node 0, and each that is called */
	W_START,
	W_END,
	W_TERMINATE,
	W_ERROR,
	W_TASK,
	W_SERVICE, /* may fail: by the error that is caught, or by another, which is an incident */
	W_RECEIVE,
	W_XOR,
	W_AND,
	W_OR,
	W_SUB,
	W_CALL,
	W_BOUNDARY,
	W_HANDLER, /* an event sub-process: trig is that of its start event */
	W_CATCH,
	W_THROW,
	W_EVENT_GATE,
};
enum trig { T_NONE, T_TIMER, T_MESSAGE, T_SIGNAL, T_CONDITION, T_ERROR, T_ESCALATION };

struct mnode {
	enum what what;
	int scope; /* sub-process or process it lies in, -1 for processes */
	enum trig trig;
	int var;           /* T_CONDITION: this variable is true */
	int host;          /* of a boundary event */
	bool interrupting; /* boundary event, handler */
	int called;        /* the process */
	int times;         /* carried out so often, -1: once, no instances */
	bool sequential;
	int until;     /* variable: enough when true, -1: never */
	bool standard; /* a standard loop: at most so often … */
	int again;     /* … while this variable is true, -1: always */
	bool before;   /* looked at before the first time, too */
};
struct mflow {
	int from, to;
	int var; /* condition: this variable is true; -1 none */
	bool dflt;
};
struct model {
	struct mnode node[MODEL_NODES];
	struct mflow flow[MODEL_FLOWS];
	int n, f;
	uint64_t seed;
	bool renamed; /* elements of the first process are k0, k1, … and its flows g0, g1, …: another version
	               */
};

unsigned model_roll(struct model *m, unsigned n); /* below n */
/* The element that waits for the event `node`: its host, its event-based gateway, or itself. */
int model_waiter(const struct model *m, int node);
void model_make(struct model *m, uint64_t seed);
/* A version that has one boundary timer more, which is given back: -1 if there is no place for it. */
int model_add_timer(struct model *m);
/* The id that an element or a flow of the model has in this version. */
const char *model_node_id(const struct model *m, int node, char buf[16]);
const char *model_flow_id(const struct model *m, int flow, char buf[16]);
void model_write(const struct model *m, struct sb *b); /* the body for play_begin, with the messages' names */

/* What runs: a process, an activity as a whole, one of its instances, an event sub-process, what waits. */
struct inst {
	int node, counter; /* counter: of an instance, from 1; else 0 */
	int definition;    /* of a scope: whose nodes run inside */
	unsigned id;       /* never used twice */
	struct inst *up;
	struct inst **kid;
	int kids;
	int token[MODEL_FLOWS];
	bool armed[MODEL_NODES]; /* events that it waits for: boundary events, handlers, catching events */
	bool was[MODEL_NODES];   /* conditions: true when last looked at */
	bool body;               /* the kids are its instances */
	int begun, completed;    /* of them */
	bool scope, interrupted; /* scope: tokens run inside */
	bool stuck;              /* an incident */
	bool own_vars, var[MODEL_VARS];
};

struct inst *ref_start(const struct model *m, const bool *vars);
void ref_free(struct inst *i);
bool ref_ended(const struct inst *root);
/* "n4#2/n7": what is open within, one a line, sorted: tasks "n7", events "n9", and "n12!" for what a handler
 * waits for. */
void ref_open(const struct model *m, const struct inst *root, struct sb *b);
/* What a path names. NULL if there is none. */
struct inst *ref_find(struct inst *root, const char *path);
void ref_complete(const struct model *m, struct inst *task, const bool *vars);
/* The event happens for which this one waits: a boundary or catching event, a handler. */
void ref_happens(const struct model *m, struct inst *waiting, int event);
void ref_signal(const struct model *m, struct inst *root);
/* A new version has this boundary event: all that run there wait for it. */
void ref_arm(const struct model *m, struct inst *i, int boundary);
/* Also begins again what is stuck. */
void ref_set(const struct model *m, struct inst *root, const bool *vars);
/* The service fails; known: by the error that is caught. */
void ref_fail(const struct model *m, struct inst *service, bool known);
int ref_stuck(const struct inst *root);

#endif
