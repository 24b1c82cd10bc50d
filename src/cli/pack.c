/* heming pack - packs looked at, put into a site, upgraded and taken out. */
#include "city/pack.h"
#include "base/json.h"
#include "cli/cli.h"

#include <unistd.h>

/* ---- reports in words ---- */

static void tell_findings(struct cli *c, const struct pack_report *r)
{
	char buf[1024];

	for (int i = 0; i < r->findings; i++)
		fprintf(c->out, "%s: %s\n", r->finding[i].error ? "error" : "warning",
		        err_str(&r->finding[i].e, buf, sizeof(buf)));
	if (r->errors > r->findings)
		fprintf(c->out, "and %d further errors\n", r->errors - r->findings);
}

static void tell_declared(struct cli *c, const char *dir, const struct pack_report *r)
{
	fprintf(c->out,
	        "%s: %d regions, %d orgs, %d kinds, %d things, %d records, %d categories, %d rules, %d "
	        "decisions, %d flows, %d indicators\n",
	        dir, r->regions, r->orgs, r->kinds, r->things, r->records, r->categories, r->rules,
	        r->decisions, r->flows, r->indicators);
}

static const char *or_nothing(const char *s)
{
	return *s != '\0' ? s : "nothing";
}

static void tell_change(struct cli *c, const struct pack_change *x)
{
	FILE *f = c->out;
	long long n = (long long)x->n;

	switch (x->what) {
	case PACK_CONFLICT:
		if (*x->words != '\0')
			fprintf(f, "  conflict: %s %s: %s\n", x->part, x->code, x->words);
		else
			fprintf(f,
			        "  conflict: %s %s, %s: was %s, the site has %s (stays), the pack says %s\n",
			        x->part, x->code, x->field, or_nothing(x->was), or_nothing(x->site),
			        or_nothing(x->now));
		break;
	case PACK_KEPT:
		fprintf(f, "  kept: %s %s, which the pack has no longer: %s\n", x->part, x->code, x->words);
		break;
	case PACK_RENAMED:
		fprintf(f, "  kind %s: %lld values of %s move to %s\n", x->part, n, x->was, x->field);
		break;
	case PACK_SPLIT:
		fprintf(f, "  kind %s: %lld values of %s are cut out of %s\n", x->part, n, x->field, x->was);
		break;
	case PACK_UNCUT:
		fprintf(f,
		        "  kind %s: out of %lld values of %s nothing can be cut for %s, as out of that of "
		        "%s\n",
		        x->part, n, x->was, x->field, x->code);
		break;
	case PACK_RETYPED:
		fprintf(f, "  kind %s: %lld values of %s are read anew (was %s)\n", x->part, n, x->field,
		        x->was);
		break;
	case PACK_UNREADABLE:
		fprintf(f, "  kind %s: %s of %s cannot be read: %s; it stays in the record's history only\n",
		        x->part, x->field, x->code, x->was);
		break;
	case PACK_RETIRED:
		fprintf(f, "  kind %s: the field %s is gone; %lld values stay in the records' history only\n",
		        x->part, x->field, n);
		break;
	case PACK_FILLED:
		fprintf(f, "  kind %s: %lld records get %s for %s\n", x->part, n, x->was, x->field);
		break;
	case PACK_LACKING:
		fprintf(f, "  kind %s: %lld records lack %s, which is required now\n", x->part, n, x->field);
		break;
	case PACK_UNFIT:
		fprintf(f, "  kind %s: %lld values of %s are not what the field allows now; they stay\n",
		        x->part, n, x->field);
		break;
	case PACK_DOUBLE:
		fprintf(f, "  kind %s: %lld values of %s are another record's, too, and must be unique now\n",
		        x->part, n, x->field);
		break;
	case PACK_STATELESS:
		fprintf(f, "  kind %s: %lld records are in a state that the kind has no longer\n", x->part,
		        n);
		break;
	case PACK_NEWS: break;
	}
}

static void tell_applied(struct cli *c, const struct pack_report *r, bool look)
{
	if (*r->from == '\0')
		fprintf(c->out, "%s %s %s\n", r->code, r->version,
		        look ? "would be installed" : "is installed");
	else
		fprintf(c->out, "%s %s %s %s\n", r->code, r->from, look ? "would become" : "became",
		        r->version);
	fprintf(c->out,
	        "  rows: %lld added, %lld changed, %lld removed, %lld as they were, %lld conflicts, %lld "
	        "kept\n",
	        (long long)r->added, (long long)r->changed, (long long)r->removed, (long long)r->same,
	        (long long)r->conflicts, (long long)r->kept);
	if (r->moved > 0)
		fprintf(c->out, "  %lld records %s to a new form of their kind\n", (long long)r->moved,
		        look ? "would be brought" : "were brought");
	for (int i = 0; i < r->changes; i++)
		tell_change(c, &r->change[i]);
	if (r->untold > 0)
		fprintf(c->out, "  and %lld more\n", (long long)r->untold);
}

/* ---- reports for machines ---- */

static void json_findings(struct jw *w, const struct pack_report *r)
{
	jw_key(w, "findings");
	jw_array(w);
	for (int i = 0; i < r->findings; i++) {
		const struct err *e = &r->finding[i].e;

		jw_object(w);
		jw_kstr(w, "level", r->finding[i].error ? "error" : "warning");
		jw_kstr(w, "file", e->where);
		jw_kint(w, "line", e->line);
		jw_kint(w, "column", e->column);
		jw_kstr(w, "field", e->field);
		jw_kstr(w, "text", e->text);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_kint(w, "errors", r->errors);
}

static void json_declared(struct jw *w, const struct pack_report *r)
{
	jw_key(w, "declares");
	jw_object(w);
	jw_kint(w, "regions", r->regions);
	jw_kint(w, "orgs", r->orgs);
	jw_kint(w, "kinds", r->kinds);
	jw_kint(w, "things", r->things);
	jw_kint(w, "records", r->records);
	jw_kint(w, "categories", r->categories);
	jw_kint(w, "rules", r->rules);
	jw_kint(w, "decisions", r->decisions);
	jw_kint(w, "flows", r->flows);
	jw_kint(w, "indicators", r->indicators);
	jw_object_end(w);
}

/* A value of a conflict is JSON already; "" is none. */
static void json_value(struct jw *w, const char *key, const char *json)
{
	jw_key(w, key);
	if (*json != '\0')
		jw_raw(w, str_of(json));
	else
		jw_null(w);
}

static void json_changes(struct jw *w, const struct pack_report *r)
{
	jw_key(w, "changes");
	jw_array(w);
	for (int i = 0; i < r->changes; i++) {
		const struct pack_change *x = &r->change[i];

		jw_object(w);
		jw_kstr(w, "what", pack_news_names[x->what]);
		jw_kstr(w, "part", x->part);
		jw_kstr(w, "code", x->code);
		jw_kstr(w, "field", x->field);
		jw_kint(w, "count", x->n);
		if (x->what == PACK_CONFLICT && *x->words == '\0') {
			json_value(w, "base", x->was);
			json_value(w, "site", x->site);
			json_value(w, "pack", x->now);
		} else if (x->what == PACK_UNREADABLE) {
			json_value(w, "value", x->was);
		} else if (*x->was != '\0') {
			jw_kstr(w, x->what == PACK_FILLED ? "value" : "from", x->was);
		}
		if (*x->words != '\0')
			jw_kstr(w, "why", x->words);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_kint(w, "more", r->untold);
}

static void json_report(struct cli *c, const struct pack_report *r, bool applied)
{
	struct sb b = SB_INIT;
	struct jw w;

	jw_init(&w, &b);
	jw_object(&w);
	if (r->code != NULL && *r->code != '\0') {
		jw_kstr(&w, "code", r->code);
		jw_kstr(&w, "version", r->version);
	}
	json_findings(&w, r);
	json_declared(&w, r);
	if (applied) {
		jw_kstr(&w, "from", r->from);
		jw_key(&w, "rows");
		jw_object(&w);
		jw_kint(&w, "added", r->added);
		jw_kint(&w, "changed", r->changed);
		jw_kint(&w, "removed", r->removed);
		jw_kint(&w, "same", r->same);
		jw_kint(&w, "conflicts", r->conflicts);
		jw_kint(&w, "kept", r->kept);
		jw_object_end(&w);
		jw_kint(&w, "moved", r->moved);
		json_changes(&w, r);
	}
	jw_object_end(&w);
	fprintf(c->out, "%.*s\n", (int)b.n, b.p);
	sb_fini(&b);
}

/* ---- the commands ---- */

/* On standard error, so that what the command says stays readable by machines. */
static void progress(void *ctx, const char *what, int64_t done, int64_t total)
{
	const bool terminal = isatty(STDERR_FILENO);
	const int64_t step = terminal ? 500 : 20000;

	(void)ctx;
	if (total < step || (done % step != 0 && done != total))
		return;
	fprintf(stderr, "%s%s: %lld of %lld%s", terminal ? "\r" : "", what, (long long)done, (long long)total,
	        terminal && done < total ? "" : "\n");
}

int cli_pack_check(struct cli *c, const char *dir, struct err *e)
{
	struct pack_report r = {0};
	int rc = pack_check(dir, c->a, &r, e);

	if (rc < 0)
		return rc;
	if (cli_flag(c, "json")) {
		json_report(c, &r, false);
	} else {
		tell_findings(c, &r);
		if (r.errors == 0)
			tell_declared(c, dir, &r);
		else
			fprintf(c->out, "%s: %d errors\n", dir, r.errors);
	}
	return r.errors > 0 ? ERR_INVALID : 0;
}

static int apply(struct cli *c, const char *dir, const struct pack_options *o, struct err *e)
{
	struct pack_report r = {0};
	int rc = pack_apply(c->site->store, dir, o, c->a, &r, e);

	if (cli_flag(c, "json")) {
		if (rc == 0 || r.findings > 0)
			json_report(c, &r, rc == 0);
	} else {
		tell_findings(c, &r);
		if (rc == 0) {
			tell_declared(c, dir, &r);
			tell_applied(c, &r, o->look);
		}
		if (rc == 0 && o->served && !o->look)
			fprintf(c->out, "Restart the server: until then it runs what it began with.\n");
	}
	if (rc < 0 && r.errors > 0 && e != NULL) {
		*e = (struct err){.code = rc};
		snprintf(e->text, sizeof(e->text), "%s; nothing was changed",
		        o->look ? "the pack cannot be installed so" : "the pack was not installed");
	}
	return rc;
}

int cli_pack_install(struct cli *c, const char *dir, struct err *e)
{
	return apply(c, dir, &(struct pack_options){.account = "system"}, e);
}

static int list(struct cli *c, struct err *e)
{
	struct pack_info *p = NULL;
	struct sb b = SB_INIT;
	struct jw w;
	int n = 0, rc = pack_list(c->site->store, c->a, &p, &n, e);

	if (rc < 0)
		return rc;
	jw_init(&w, &b);
	jw_array(&w);
	for (int i = 0; i < n; i++) {
		if (!cli_flag(c, "json"))
			fprintf(c->out, "%-20s %-10s %s%s", p[i].code, p[i].version, p[i].name,
			        p[i].needs > 0 ? "; requires" : "");
		jw_object(&w);
		jw_kstr(&w, "code", p[i].code);
		jw_kstr(&w, "version", p[i].version);
		jw_kstr(&w, "name", p[i].name);
		jw_kstr(&w, "name_en", p[i].name_en);
		jw_key(&w, "requires");
		jw_array(&w);
		for (int k = 0; k < p[i].needs; k++) {
			const struct pack_need *x = &p[i].need[k];

			if (!cli_flag(c, "json"))
				fprintf(c->out, "%s %s%s%s", k > 0 ? "," : "", x->code,
				        *x->version ? " " : "", x->version);
			jw_object(&w);
			jw_kstr(&w, "code", x->code);
			jw_kstr(&w, "version", x->version);
			jw_object_end(&w);
		}
		jw_array_end(&w);
		jw_object_end(&w);
		if (!cli_flag(c, "json"))
			fputc('\n', c->out);
	}
	jw_array_end(&w);
	if (cli_flag(c, "json"))
		fprintf(c->out, "%.*s\n", (int)b.n, b.p);
	else if (n == 0)
		fprintf(c->out, "No pack is installed.\n");
	sb_fini(&b);
	return 0;
}

static int take_out(struct cli *c, const char *word, struct err *e)
{
	/* Words after the first are made absolute paths where they name something; a code has no slash. */
	const char *code = strrchr(word, '/') != NULL ? strrchr(word, '/') + 1 : word;
	struct pack_report r = {0};
	int rc = pack_remove(c->site->store, code, "system", c->a, &r, e);

	if (cli_flag(c, "json")) {
		if (rc == 0 || r.findings > 0)
			json_report(c, &r, rc == 0);
		return rc;
	}
	tell_findings(c, &r);
	if (rc == 0)
		fprintf(c->out, "%s %s is removed, with %lld rows that it had brought\n", r.code, r.version,
		        (long long)r.removed);
	return rc;
}

/* Where copies share a database, one that serves holds the lease of the rules. */
static int served_elsewhere(struct cli *c, bool *out, struct err *e)
{
	bool held = true;
	int rc = 0;

	if (strcmp(store_backend(c->site->store), "postgres") == 0)
		rc = store_lease(c->site->store, "rules", 60 * US_SECOND, &held, e);
	*out = !held;
	return rc;
}

int cmd_pack(struct cli *c, struct err *e)
{
	const char *what = c->word[0], *word = c->words > 1 ? c->word[1] : NULL;
	const bool diff = strcmp(what, "diff") == 0, upgrade = strcmp(what, "upgrade") == 0;
	const bool is_list = strcmp(what, "list") == 0;
	struct pack_options o = {.account = "system",
	        .look = diff || cli_flag(c, "dry-run"),
	        .upgrade = diff || upgrade,
	        .downgrade = cli_flag(c, "downgrade"),
	        .served = c->site != NULL,
	        .tell = c->site == NULL ? progress : NULL};
	int rc;

	if (is_list != (word == NULL) || (!is_list && !diff && !upgrade && strcmp(what, "check") != 0 &&
	                                         strcmp(what, "install") != 0 && strcmp(what, "remove") != 0))
		return err_set(e, ERR_INVALID,
		        "say heming pack check, install, diff or upgrade DIR, heming pack remove CODE, or "
		        "heming "
		        "pack list");
	if (strcmp(what, "check") == 0)
		return cli_pack_check(c, word, e);
	if (c->site == NULL && (rc = cli_open_site(c, false, false, NULL, e)) < 0)
		return rc;
	if (is_list)
		return list(c, e);
	if (strcmp(what, "remove") == 0)
		return take_out(c, word, e);
	if (!o.served && !o.look && (rc = served_elsewhere(c, &o.served, e)) < 0)
		return rc;
	return apply(c, word, &o, e);
}
