/* Prometheus' HTTP API, the rules and the alerts: what the city's rules and alarms are under those names. */
#include "api/prometheus_int.h"
#include "base/num.h"
#include "city/alarm.h"
#include "city/rule.h"

#include <math.h>

static void write_label_list(struct jw *w, const char *key, const struct label *l, int n)
{
	const struct labels ls = {(struct label *)(uintptr_t)l, n};

	jw_key(w, key);
	prom__labels(w, &ls);
}

/* Go writes a time that never was as the first of its calendar. */
static void write_evaluated(struct jw *w, time_us t)
{
	if (t == TIME_NONE)
		jw_kstr(w, "lastEvaluation", "0001-01-01T00:00:00Z");
	else
		jw_ktime(w, "lastEvaluation", t);
}

static void write_alert(struct call *c, const struct alarm *a)
{
	struct jw *w = &c->w;
	char text[40];

	jw_object(w);
	jw_key(w, "labels");
	jw_raw(w, str_of(a->labels != NULL && *a->labels != '\0' ? a->labels : "{}"));
	jw_key(w, "annotations");
	jw_object(w);
	jw_kstr(w, "summary", a->summary);
	jw_object_end(w);
	jw_kstr(w, "state", alarm_state_name(a->state));
	jw_ktime(w, "activeAt", a->since);
	/* Go's 'e' form with as many digits as are needed. */
	for (int digits = 0; digits <= 17; digits++) {
		double back;

		snprintf(text, sizeof(text), "%.*e", digits, a->value);
		if (!num_double(str_of(text), true, &back) || back == a->value)
			break;
	}
	if (isfinite(a->value))
		jw_kstr(w, "value", text);
	else
		jw_kstr(w, "value", isnan(a->value) ? "NaN" : a->value > 0 ? "+Inf" : "-Inf");
	jw_object_end(w);
}

/* The reader's open alarms; all of them, page by page. */
static int open_alarms(struct call *c, struct alarm **out, int *n, struct err *e)
{
	struct alarm_filter f = {.open = true, .limit = 500};
	size_t cap = 0;

	*out = NULL;
	*n = 0;
	for (;;) {
		struct alarm *page = NULL;
		int got = 0, rc = alarm_list(c->tx, &c->who, &f, &page, &got, e);

		if (rc < 0)
			return rc;
		*out = arena_grow(c->a, *out, &cap, (size_t)(*n + got), sizeof(**out));
		if (got > 0)
			memcpy(*out + *n, page, (size_t)got * sizeof(**out));
		*n += got;
		if (got < f.limit || *n >= 20000)
			return 0;
		f.before = page[got - 1].id;
	}
}

int prom_alerts(struct call *c, struct err *e)
{
	struct alarm *list = NULL;
	int n = 0, rc = open_alarms(c, &list, &n, e);

	if (rc < 0)
		return rc;
	prom__begin(c);
	jw_object(&c->w);
	jw_key(&c->w, "alerts");
	jw_array(&c->w);
	for (int i = 0; i < n; i++)
		write_alert(c, &list[i]);
	jw_array_end(&c->w);
	jw_object_end(&c->w);
	jw_object_end(&c->w);
	return 0;
}

static void write_rule(
        struct call *c, const struct rule_view *v, const struct alarm *list, int n, bool alerts)
{
	const struct alert_rule *r = v->rule;
	const char *state = "inactive";
	struct jw *w = &c->w;

	for (int i = 0; i < n; i++) {
		if (strcmp(list[i].rule, r->name) != 0)
			continue;
		if (list[i].state == ALARM_FIRING)
			state = "firing";
		else if (strcmp(state, "inactive") == 0)
			state = "pending";
	}
	jw_object(w);
	jw_kstr(w, "state", state);
	jw_kstr(w, "name", r->name);
	jw_kstr(w, "query", r->expr_text);
	jw_kdouble(w, "duration", (double)r->hold / 1e6);
	jw_kdouble(w, "keepFiringFor", (double)r->keep_firing / 1e6);
	write_label_list(w, "labels", r->label, r->labels);
	write_label_list(w, "annotations", r->annotation, r->annotations);
	if (alerts) {
		jw_key(w, "alerts");
		jw_array(w);
		for (int i = 0; i < n; i++)
			if (strcmp(list[i].rule, r->name) == 0)
				write_alert(c, &list[i]);
		jw_array_end(w);
	}
	jw_kstr(w, "health", v->error[0] != '\0' ? "err" : v->last_eval == TIME_NONE ? "unknown" : "ok");
	if (v->error[0] != '\0')
		jw_kstr(w, "lastError", v->error);
	jw_kdouble(w, "evaluationTime", (double)v->took / 1e6);
	write_evaluated(w, v->last_eval);
	jw_kstr(w, "type", "alerting");
	jw_object_end(w);
}

static bool listed(const char **list, const char *s)
{
	const char **at = list;

	while (*at != NULL && strcmp(*at, s) != 0)
		at++;
	return *list == NULL || *at != NULL;
}

/* What may be asked of the rules: the lists are empty where anything will do. */
struct selector {
	const struct matcher *m;
	int n;
};
struct wanted {
	const char **name, **group, **file;
	struct selector *match; /* any of them */
	size_t matches;
	bool alerts;
};

/* By the labels that the rule's definition gives to its alerts. */
static bool rule_wanted(const struct wanted *want, const struct alert_rule *r)
{
	const struct labels ls = {r->label, r->labels};
	bool any = want->matches == 0;

	for (size_t i = 0; i < want->matches; i++)
		any = any || matchers_match(want->match[i].m, want->match[i].n, &ls);
	return any && listed(want->name, r->name);
}

static bool group_wanted(const struct wanted *want, const struct rule_view *v, int n)
{
	bool any = false;

	for (int i = 0; i < n; i++)
		any = any || rule_wanted(want, v[i].rule);
	return any && listed(want->group, v->rule->group) && listed(want->file, v->rule->file);
}

/* How many rules from v on belong to one group. */
static int group_size(const struct rule_view *v, int n)
{
	int size = 1;

	while (size < n && strcmp(v[size].rule->group, v->rule->group) == 0 &&
	        strcmp(v[size].rule->file, v->rule->file) == 0)
		size++;
	return size;
}

/* One group with those of its n rules that are wanted. */
static void write_group(struct call *c, const struct wanted *want, const struct rule_view *v, int n,
        const struct alarm *list, int alarms)
{
	const struct alert_rule *r = v->rule;
	struct jw *w = &c->w;
	time_us last = TIME_NONE;
	dur_us took = 0;

	for (int i = 0; i < n; i++) {
		took += v[i].took;
		if (v[i].last_eval != TIME_NONE && v[i].last_eval > last)
			last = v[i].last_eval;
	}
	jw_object(w);
	jw_kstr(w, "name", r->group);
	jw_kstr(w, "file", r->file);
	jw_key(w, "rules");
	jw_array(w);
	for (int i = 0; i < n; i++)
		if (rule_wanted(want, v[i].rule))
			write_rule(c, &v[i], list, alarms, want->alerts);
	jw_array_end(w);
	jw_kdouble(w, "interval", (double)r->interval / 1e6);
	jw_kint(w, "limit", 0);
	jw_kdouble(w, "evaluationTime", (double)took / 1e6);
	write_evaluated(w, last);
	jw_object_end(w);
}

/* As Go reads a truth value; an empty one is false. */
static int get_bool(struct call *c, const char *name, bool *out, struct err *e)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"}, *const no[] = {"", "0", "f",
	                                                                                  "F", "false",
	                                                                                  "FALSE", "False"};
	const char *s = form_get(c->form, name);

	*out = false;
	for (size_t i = 0; s != NULL && i < ARRAY_LEN(yes); i++)
		*out = *out || strcmp(s, yes[i]) == 0;
	if (s == NULL || *out)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		if (strcmp(s, no[i]) == 0)
			return 0;
	return prom__bad_parameter(e, name, "\"%.40s\" is neither true nor false", s);
}

static int get_matches(struct call *c, struct wanted *want, struct err *e)
{
	size_t cap = 0;
	int rc = 0;

	for (const char **text = form_all(c->form, c->a, "match[]"); rc == 0 && *text != NULL; text++) {
		want->match = arena_grow(c->a, want->match, &cap, want->matches + 1, sizeof(*want->match));
		if (want->match == NULL)
			return err_set(e, ERR_NOMEM, "too many match[]");
		rc = prom__selector(
		        c, *text, false, &want->match[want->matches].m, &want->match[want->matches].n, e);
		want->matches++;
	}
	return rc;
}

/* Pages of groups: how many (0: all), and what the page before said of where this one begins. */
static int get_page(struct call *c, size_t *most, const char **token, struct err *e)
{
	const char *s = form_get(c->form, "group_limit");
	int64_t n = 0;

	*most = 0;
	*token = form_get(c->form, "group_next_token");
	if (*token != NULL && **token == '\0')
		*token = NULL;
	if (s != NULL && *s != '\0' && (!num_int(str_of(s), &n) || n < 0))
		return prom__bad_parameter(e, "group_limit", "\"%.40s\" is not a number of groups", s);
	if (*token != NULL && n == 0)
		return prom__bad_parameter(
		        e, "group_limit", "group_limit needs to be set in order to paginate over the groups");
	*most = (size_t)n;
	return 0;
}

static char *group_token(struct call *c, const struct alert_rule *r)
{
	return arena_printf(c->a, "%s;%s", r->file, r->group);
}

/* The wanted groups of a page. */
static int write_groups(struct call *c, const struct wanted *want, const struct rule_view *view, int n,
        const struct alarm *list, int alarms, struct err *e)
{
	size_t most, written = 0;
	const char *token, *next = NULL;
	int rc = get_page(c, &most, &token, e), i = 0;

	while (rc == 0 && token != NULL && i < n && strcmp(group_token(c, view[i].rule), token) != 0)
		i += group_size(&view[i], n - i);
	if (rc == 0 && token != NULL && i == n)
		rc = prom__bad_parameter(e, "group_next_token",
		        "invalid group_next_token '%.120s'. were rule groups changed?", token);
	if (rc < 0)
		return rc;
	prom__begin(c);
	jw_object(&c->w);
	jw_key(&c->w, "groups");
	jw_array(&c->w);
	for (int size; i < n && next == NULL; i += size) {
		size = group_size(&view[i], n - i);
		if (!group_wanted(want, &view[i], size))
			continue;
		if (most > 0 && written == most)
			next = group_token(c, view[i].rule);
		else
			write_group(c, want, &view[i], size, list, alarms);
		written++;
	}
	jw_array_end(&c->w);
	if (next != NULL)
		jw_kstr(&c->w, "groupNextToken", next);
	jw_object_end(&c->w);
	jw_object_end(&c->w);
	return 0;
}

int prom_rules(struct call *c, struct err *e)
{
	const char *type = form_get(c->form, "type");
	struct rule_view *view = NULL;
	struct alarm *list = NULL;
	struct wanted want = {.name = form_all(c->form, c->a, "rule_name[]"),
	        .group = form_all(c->form, c->a, "rule_group[]"),
	        .file = form_all(c->form, c->a, "file[]")};
	bool without = false;
	int n = 0, alarms = 0, rc = open_alarms(c, &list, &alarms, e);

	if (rc == 0)
		rc = get_bool(c, "exclude_alerts", &without, e);
	want.alerts = !without;
	if (rc == 0)
		rc = get_matches(c, &want, e);
	if (rc == 0 && type != NULL && *type != '\0' && strcmp(type, "alert") != 0 &&
	        strcmp(type, "record") != 0)
		rc = prom__bad_parameter(e, "type", "not supported value \"%.40s\"", type);
	if (rc == 0 && c->site->rules != NULL && (type == NULL || strcmp(type, "record") != 0))
		rc = rules_view(c->site->rules, c->a, &view, &n, e);
	return rc < 0 ? rc : write_groups(c, &want, view, n, list, alarms, e);
}
