/*
 * case_int - what the files of rules, alarms and cases share: dispatch, texts, and the step of a case.
 */
#ifndef HEMING_CITY_CASE_INT_H
#define HEMING_CITY_CASE_INT_H

#include "base/json.h"
#include "city/case.h"
#include "city/indicator.h"

/* ---- template.c: texts of annotations ---- */

struct template_values {
	const struct labels *labels;
	double value;
	const struct thing *thing;   /* NULL if none; {{ $thing.name }} */
	const struct region *region; /* NULL if none; {{ $region.name }} */
};
/* {{ $value }}, {{ $labels.x }}, {{ $thing.name }}, {{ $region.name }}, with filters: humanize,
 * humanizePercentage, humanizeDuration, printf "%.1f". What is not known is left empty. Into the arena. */
const char *template__expand(struct arena *a, const char *text, const struct template_values *v);

/* ---- dispatch.c: which category, which org, how urgent ---- */

struct dispatch {
	const char *category, *org; /* org: a code that the registry knows */
	const char *note;           /* why the desk has it, "" if the decision said so */
	int level;                  /* 0: not said */
	bool open_case;
};
/* Never fails: what cannot be decided goes to the desk. unit: reporting unit of the place, "" if none. */
void dispatch__decide(struct site *s, const struct snapshot *snap, struct arena *a, time_us now,
        const struct feel_value *context, const char *unit, struct dispatch *out);
/* Code of the org of kind "desk", "" if there is none. */
const char *dispatch__desk(const struct snapshot *snap);
/* A context in the transaction's arena; t may be NULL. Attributes are read: a failure is the transaction's.
 */
struct feel_value dispatch__thing(struct store_tx *tx, const struct thing *t);
/* "zhujian" and "zhujian-320902" are one duty. */
bool org__same_duty(const char *a, const char *b);
/* One is the other or a branch of it. */
bool org__related(const char *a, const char *b);

/* ---- alarm.c ---- */

/* What the alarm table keeps of a sorted label set. */
const char *alarm__labels_json(struct arena *a, const struct labels *ls);

/* ---- case_step.c: one step of one case inside a write ---- */

struct case_task {
	uint32_t key;
	const char *element, *name, *role, *stage, *outcomes, *org, *assignee;
};
struct stepping {
	struct store_tx *tx;
	struct site *s;
	const struct who *by;
	const struct who_giver *as; /* for whom, NULL: for themselves */
	struct arena *a;            /* of the transaction */
	time_us now;                /* of the transaction; an import sets what the source says */
	const struct snapshot *snap;
	struct city_case c;
	const char *owner;
	const struct flow_def *flow;
	struct bpmn_state *state;
	const char *taken; /* ids of sequence flows, by blanks */
	struct case_task *task;
	int tasks;
	size_t tasks_cap;
	const char *outcome; /* of the task that this step completes, "" if none */
	bool handled;        /* a task of stage "handle" was done in this step */
	bool overdue_now, closed_now;
	bool listened; /* waited for signals when it was loaded */
};
/* Loads for a step; 0, ERR_NOTFOUND. step__end in every case. */
MUST_USE int step__load(struct stepping *x, struct store_tx *tx, struct site *s, const struct who *by,
        int64_t id, struct err *e);
/* For a new case: x->c, x->owner are filled by the caller. */
void step__begin(struct stepping *x, struct store_tx *tx, struct site *s, const struct who *by);
void step__end(struct stepping *x);
/* Asks the engine and does what it says. */
MUST_USE int step__run(struct stepping *x, const struct bpmn_input *in, struct err *e);
/* Writes the case and its flow; the version grows. `fresh`: the case is new. */
MUST_USE int step__save(struct stepping *x, bool fresh, struct err *e);
MUST_USE int step__history(struct stepping *x, const char *action, const char *task, const char *outcome,
        const char *note, const char *element, struct err *e);
/* A journal entry about the case; the payload has id and code already. */
struct step_entry {
	struct sb b;
	struct jw w;
};
void step__entry(struct stepping *x, struct step_entry *j);
MUST_USE int step__entry_end(struct stepping *x, struct step_entry *j, const char *kind, struct err *e);
MUST_USE int step__count(struct stepping *x, const char *measure, time_us at, int64_t n, struct err *e);
struct case_task *step__task(struct stepping *x, uint32_t key); /* an open one, NULL if none */
/* What the task is in the case's flow, or in the one it calls; NULL if the flow does not know it. */
const struct bpmn_element *step__element(const struct stepping *x, const struct case_task *t);
MUST_USE int step__mark_overdue(struct stepping *x, struct err *e);

/* ---- case_signal.c ---- */

#define SIGNAL_NEVER INT64_MAX /* the time of a row of `timer` that waits for a signal */

bool step__waits_for_signal(struct stepping *x);
/* Makes the rows those of what the case waits for now. */
MUST_USE int step__listen(struct stepping *x, struct err *e);
/* To the other cases. */
MUST_USE int step__send_signal(struct stepping *x, struct str name, struct err *e);
/* To all cases but that one (0: to all), with variables, a JSON object or "". waiting: how many there are,
 * NULL at will. */
MUST_USE int signal__send(struct store_tx *tx, int64_t but, struct str name, time_us at, struct str variables,
        int *waiting, struct err *e);
/* Is that column of a row of `timer` a signal? */
bool step__is_signal(struct str element, struct str *name);
/* The step of a case that hears a signal. */
MUST_USE int step__hear(struct stepping *x, struct str name, struct str variables, struct err *e);

/* ---- flow_start.c ---- */

/* What a step sends begins the cases of the flows that start by it, each in a transaction of its own. */
MUST_USE int step__begin_others(
        struct stepping *x, bool signal, struct str name, const struct feel_value *variables, struct err *e);

/* ---- case_act.c ---- */

/* Variables that somebody gives to a flow: a JSON object, or nothing. */
MUST_USE int step__read_variables(
        struct arena *a, const struct snapshot *snap, struct str json, struct feel_value *out, struct err *e);
/* The step of a case that gets a message. */
MUST_USE int step__message(
        struct stepping *x, const char *name, const struct feel_value *variables, struct err *e);
/* Failures of the store, which pass: the same may go well later. */
bool step__passes(int rc);

/* ---- case_form.c ---- */

/* The form that a task ends with; NULL: none. */
const struct form_def *step__form(const struct stepping *x, const struct case_task *t);
/* Judges what was sent in *variables, which becomes what the flow gets. ERR_INVALID with the first fault; act
 * takes all of them. */
MUST_USE int step__fill_form(struct stepping *x, const struct case_task *t, const struct form_def *form,
        const char *outcome, struct feel_value *variables, const struct case_act *act, struct err *e);

/* ---- case.c ---- */

/* As case_open_in after the decision. */
MUST_USE int case__open(struct store_tx *tx, struct site *s, const struct snapshot *snap,
        const struct case_open *in, const struct dispatch *d, const struct who *by, int64_t *id,
        struct err *e);
/* One more alarm of level `level` is in it. */
MUST_USE int case__join(struct store_tx *tx, struct site *s, int64_t id, int64_t alarm, int level,
        const char *summary, struct err *e);
/* A line in the history that changes nothing else; a case that is not open takes none. */
MUST_USE int case__remark(
        struct store_tx *tx, struct site *s, int64_t id, const char *action, const char *note, struct err *e);

/* ---- case_read.c ---- */

/* A row of any of the statements that give whole cases; text is copied. */
#define CASE_FROM_ROW(a, r)                                                                                  \
	((struct city_case){.id = (r)->id,                                                                   \
	        .code = arena_strndup((a), (r)->code.p, (r)->code.n),                                        \
	        .category = arena_strndup((a), (r)->category.p, (r)->category.n),                            \
	        .title = arena_strndup((a), (r)->title.p, (r)->title.n),                                     \
	        .detail = arena_strndup((a), (r)->detail.p, (r)->detail.n),                                  \
	        .source = arena_strndup((a), (r)->source.p, (r)->source.n),                                  \
	        .state = arena_strndup((a), (r)->state.p, (r)->state.n),                                     \
	        .stage = arena_strndup((a), (r)->stage.p, (r)->stage.n),                                     \
	        .level = (int)(r)->level,                                                                    \
	        .region = arena_strndup((a), (r)->region.p, (r)->region.n),                                  \
	        .unit = arena_strndup((a), (r)->unit.p, (r)->unit.n),                                        \
	        .org = arena_strndup((a), (r)->org.p, (r)->org.n),                                           \
	        .thing = arena_strndup((a), (r)->thing.p, (r)->thing.n),                                     \
	        .alarm = (r)->alarm,                                                                         \
	        .task = (r)->task,                                                                           \
	        .task_name = arena_strndup((a), (r)->task_name.p, (r)->task_name.n),                         \
	        .outcomes = arena_strndup((a), (r)->outcomes.p, (r)->outcomes.n),                            \
	        .assignee = arena_strndup((a), (r)->assignee.p, (r)->assignee.n),                            \
	        .opened = (r)->opened,                                                                       \
	        .deadline = (r)->deadline,                                                                   \
	        .finished = (r)->finished,                                                                   \
	        .closed = (r)->closed,                                                                       \
	        .overdue = (r)->overdue,                                                                     \
	        .merged = (int)(r)->merged,                                                                  \
	        .version = (r)->version,                                                                     \
	        .flow = arena_strndup((a), (r)->flow.p, (r)->flow.n),                                        \
	        .flow_version = (int)(r)->flow_version,                                                      \
	        .lon = (r)->lon,                                                                             \
	        .lat = (r)->lat,                                                                             \
	        .demo = (r)->demo})

#endif
