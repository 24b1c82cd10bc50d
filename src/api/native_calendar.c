/* Working calendars as the packs declare them. */
#include "api/api_int.h"

static void write_minutes(struct jw *w, const char *key, int min)
{
	char text[16];

	snprintf(text, sizeof(text), "%02d:%02d", min / 60, min % 60);
	jw_kstr(w, key, text);
}

/* One entry a shift; one that ends after 24:00 ends on the next day. */
static void write_shifts(struct jw *w, const struct calendar *k)
{
	static const char *const names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

	jw_key(w, "shifts");
	jw_array(w);
	for (int day = 1; day <= 7; day++) {
		const struct calendar_period *p;
		int n = calendar_weekday(k, day % 7, &p);

		for (int i = 0; i < n; i++) {
			jw_object(w);
			jw_kstr(w, "weekday", names[day % 7]);
			write_minutes(w, "from", p[i].from_min);
			write_minutes(w, "to", p[i].to_min);
			jw_object_end(w);
		}
	}
	jw_array_end(w);
}

static void write_years(struct jw *w, const struct catalog *c, const char *table)
{
	jw_key(w, "years");
	jw_array(w);
	for (int i = 0; i < c->tables; i++) {
		const struct holiday_table *t = &c->table[i];

		if (*table == '\0' || strcmp(t->code, table) != 0)
			continue;
		jw_object(w);
		jw_kint(w, "year", t->year);
		jw_kbool(w, "amends", t->amends);
		jw_kstr(w, "source", t->source);
		jw_kstr(w, "published", t->published);
		jw_kstr(w, "pack", t->pack);
		jw_object_end(w);
	}
	jw_array_end(w);
}

int calendars_get(struct call *c, struct err *e)
{
	const struct catalog *k = c->site->catalog;
	struct jw *w = &c->w;

	(void)e;
	jw_object(w);
	jw_key(w, "items");
	jw_array(w);
	for (int i = 0; i < k->calendars; i++) {
		const struct named_calendar *n = &k->calendar[i];

		jw_object(w);
		jw_kstr(w, "code", n->code);
		jw_kstr(w, "name", n->name);
		jw_kstr(w, "name_en", n->name_en);
		jw_kstr(w, "pack", n->pack);
		jw_kstr(w, "zone", zone_name(k->zone));
		write_shifts(w, n->calendar);
		write_years(w, k, n->table);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
	return 0;
}
