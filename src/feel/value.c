/*
 * value - values of FEEL: making, copying, comparing, writing as text.
 */
#include "feel/builtin.h"

#define EQUAL_STEPS 1000000

struct feel_value feel_bool(bool b)
{
	return (struct feel_value){.type = FEEL_BOOL, .boolean = b};
}

struct feel_value feel_int(int64_t v)
{
	return (struct feel_value){.type = FEEL_NUMBER, .number = feel_number_int(v)};
}

struct feel_value feel_double(double v)
{
	return (struct feel_value){.type = FEEL_NUMBER, .number = feel_number_double(v)};
}

struct feel_value feel_string(struct str s)
{
	return (struct feel_value){.type = FEEL_STRING, .string = s};
}

struct feel_value feel__list(struct feel_value *item, int n)
{
	return (struct feel_value){.type = FEEL_LIST, .list = {item, n}};
}

const char *feel__type_name(enum feel_type t)
{
	static const char *const names[] = {"null", "boolean", "number", "string", "date", "time",
	        "date and time", "days and time duration", "years and months duration", "list", "context",
	        "range", "function"};

	return names[t];
}

/* The room of a context follows from its number of entries. */
static size_t room_for(int n)
{
	size_t room = 4;

	while (room < (size_t)n)
		room *= 2;
	return room;
}

void feel_put(struct arena *a, struct feel_value *context, struct str key, struct feel_value v)
{
	struct feel_context *c = &context->context;
	struct feel_value *copy;
	struct feel_entry *entry;

	if (context->type != FEEL_CONTEXT)
		*context = (struct feel_value){.type = FEEL_CONTEXT};
	copy = arena_alloc(a, sizeof(*copy));
	if (!copy) /* sticky in the arena */
		return;
	*copy = v;
	for (int i = 0; i < c->n; i++) {
		if (c->entry[i].key.n == key.n && str_eq(c->entry[i].key, key)) {
			c->entry[i].value = copy;
			return;
		}
	}
	if (c->n == 0 || (size_t)c->n == room_for(c->n)) {
		entry = arena_array(a, room_for(c->n + 1), sizeof(*entry));
		if (!entry)
			return;
		if (c->n)
			memcpy(entry, c->entry, (size_t)c->n * sizeof(*entry));
		c->entry = entry;
	}
	c->entry[c->n++] = (struct feel_entry){key, copy};
}

const struct feel_value *feel_get(const struct feel_value *context, const char *key)
{
	struct str k = str_of(key);

	if (!context || context->type != FEEL_CONTEXT)
		return NULL;
	for (int i = 0; i < context->context.n; i++)
		if (str_eq(context->context.entry[i].key, k))
			return context->context.entry[i].value;
	return NULL;
}

struct feel_value feel__get(const struct feel_value *context, struct str key, bool *found)
{
	*found = false;
	if (context->type != FEEL_CONTEXT)
		return FEEL_NULL_VALUE;
	for (int i = 0; i < context->context.n; i++) {
		if (str_eq(context->context.entry[i].key, key)) {
			*found = true;
			return *context->context.entry[i].value;
		}
	}
	return FEEL_NULL_VALUE;
}

static struct feel_value copy(struct arena *a, const struct feel_value *v, int depth);

static struct feel_value *copy_of(struct arena *a, const struct feel_value *v, int depth)
{
	struct feel_value *c = v ? arena_alloc(a, sizeof(*c)) : NULL;

	if (c)
		*c = copy(a, v, depth);
	return c;
}

/* The names are different already, so none is looked for; the room is what feel_put reckons with. */
static struct feel_context copy_context(struct arena *a, const struct feel_context *from, int depth)
{
	size_t n = (size_t)from->n;
	struct feel_value *value;
	struct feel_context c = {NULL, 0};

	c.entry = n ? arena_array(a, room_for(from->n), sizeof *c.entry) : NULL;
	value = n ? arena_array(a, n, sizeof *value) : NULL;
	if (c.entry == NULL || value == NULL)
		return (struct feel_context){NULL, 0};
	for (; c.n < from->n && !arena_failed(a); c.n++) {
		const struct feel_entry *e = &from->entry[c.n];

		value[c.n] = copy(a, e->value, depth + 1);
		c.entry[c.n] = (struct feel_entry){
		        .key = {arena_strndup(a, e->key.p, e->key.n), e->key.n}, .value = &value[c.n]};
	}
	return c;
}

static struct feel_value copy(struct arena *a, const struct feel_value *v, int depth)
{
	struct feel_value c = *v;

	if (depth > FEEL__VALUE_DEPTH_MAX)
		return FEEL_NULL_VALUE;
	switch (v->type) {
	case FEEL_STRING: c.string.p = arena_strndup(a, v->string.p ? v->string.p : "", v->string.n); break;
	case FEEL_LIST:
		c.list.item = arena_array(a, (size_t)v->list.n, sizeof(struct feel_value));
		for (int i = 0; c.list.item && i < v->list.n; i++)
			c.list.item[i] = copy(a, &v->list.item[i], depth + 1);
		break;
	case FEEL_CONTEXT: c.context = copy_context(a, &v->context, depth); break;
	case FEEL_RANGE:
		c.range.low = copy_of(a, v->range.low, depth + 1);
		c.range.high = copy_of(a, v->range.high, depth + 1);
		break;
	default: break;
	}
	/* A copy that is cut off by the budget must still be safe to look at. */
	if (arena_failed(a))
		return FEEL_NULL_VALUE;
	return c;
}

struct feel_value feel_copy(struct arena *a, const struct feel_value *v)
{
	return copy(a, v, 0);
}

static int cmp_i128(__int128 a, __int128 b)
{
	return a < b ? -1 : a > b;
}

static __int128 wall_nanos(const struct feel_value *v)
{
	struct feel_value wall = *v;

	wall.moment.has_zone = false;
	return feel__moment_nanos(&wall);
}

int feel_compare(const struct feel_value *a, const struct feel_value *b, int *order)
{
	if (a->type != b->type)
		return -1;
	switch (a->type) {
	case FEEL_NUMBER: *order = feel_number_cmp(a->number, b->number); return 0;
	case FEEL_STRING: {
		size_t n = a->string.n < b->string.n ? a->string.n : b->string.n;
		int c = n ? memcmp(a->string.p, b->string.p, n) : 0;

		*order = c ? c : a->string.n < b->string.n ? -1 : a->string.n > b->string.n;
		return 0;
	}
	case FEEL_DATE: *order = cmp_i128(a->moment.days, b->moment.days); return 0;
	case FEEL_TIME:
	case FEEL_DATETIME:
		/* one without a zone takes the offset of the other: then the clocks on the walls decide */
		if (a->moment.has_zone != b->moment.has_zone)
			*order = cmp_i128(wall_nanos(a), wall_nanos(b));
		else
			*order = cmp_i128(feel__moment_nanos(a), feel__moment_nanos(b));
		return 0;
	case FEEL_DAYS: *order = cmp_i128(a->nanos, b->nanos); return 0;
	case FEEL_MONTHS: *order = cmp_i128(a->months, b->months); return 0;
	default: return -1;
	}
}

/*
 * Lists may hold one list many times over, so that what is small in memory is endless to walk: the walk has a
 * number of steps and a depth, and past them there is no answer.
 */
struct walk {
	size_t left;
	int depth;
	bool over;
};

static int equal(struct walk *w, const struct feel_value *a, const struct feel_value *b);

static bool same_end(struct walk *w, const struct feel_value *a, const struct feel_value *b)
{
	if (!a || !b)
		return !a && !b;
	return equal(w, a, b) == 1;
}

static int equal_lists(struct walk *w, const struct feel_list *a, const struct feel_list *b)
{
	if (a->n != b->n)
		return 0;
	for (int i = 0; i < a->n; i++)
		if (equal(w, &a->item[i], &b->item[i]) != 1)
			return w->over ? -1 : 0;
	return 1;
}

static int equal_contexts(struct walk *w, const struct feel_value *a, const struct feel_value *b)
{
	if (a->context.n != b->context.n)
		return 0;
	for (int i = 0; i < a->context.n; i++) {
		bool found;
		struct feel_value v = feel__get(b, a->context.entry[i].key, &found);

		if (!found || equal(w, a->context.entry[i].value, &v) != 1)
			return w->over ? -1 : 0;
	}
	return 1;
}

static int equal(struct walk *w, const struct feel_value *a, const struct feel_value *b)
{
	int order, result;

	if (a->type == FEEL_NULL || b->type == FEEL_NULL)
		return a->type == b->type;
	if (a->type != b->type)
		return -1;
	switch (a->type) {
	case FEEL_BOOL: return a->boolean == b->boolean;
	case FEEL_STRING: return str_eq(a->string, b->string);
	case FEEL_LIST:
	case FEEL_CONTEXT:
		if (w->left == 0 || w->depth == FEEL__VALUE_DEPTH_MAX)
			w->over = true;
		if (w->over)
			return -1;
		w->left--;
		w->depth++;
		result = a->type == FEEL_LIST ? equal_lists(w, &a->list, &b->list) : equal_contexts(w, a, b);
		w->depth--;
		return result;
	case FEEL_RANGE:
		return a->range.low_in == b->range.low_in && a->range.high_in == b->range.high_in &&
		       same_end(w, a->range.low, b->range.low) && same_end(w, a->range.high, b->range.high);
	case FEEL_FUNCTION: return a->function == b->function;
	case FEEL_TIME:
	case FEEL_DATETIME:
		if (a->moment.has_zone != b->moment.has_zone)
			return 0; /* they have an order, but are never the same moment */
		return feel_compare(a, b, &order) == 0 && order == 0;
	default: return feel_compare(a, b, &order) < 0 ? 0 : order == 0;
	}
}

int feel_equal(const struct feel_value *a, const struct feel_value *b)
{
	struct walk w = {.left = EQUAL_STEPS};

	return equal(&w, a, b);
}

int feel__equal(struct feel_run *r, const struct feel_value *a, const struct feel_value *b)
{
	size_t most = r->steps < EQUAL_STEPS ? r->steps : EQUAL_STEPS;
	struct walk w = {.left = most};
	int result = equal(&w, a, b);

	if (w.left < most)
		(void)feel__work(r, most - w.left);
	return result;
}

int feel__in_range(const struct feel_range *r, const struct feel_value *v)
{
	int order;

	if (v->type == FEEL_NULL)
		return -1;
	if (r->low) {
		if (feel_compare(v, r->low, &order) < 0)
			return -1;
		if (order < 0 || (order == 0 && !r->low_in))
			return 0;
	}
	if (r->high) {
		if (feel_compare(v, r->high, &order) < 0)
			return -1;
		if (order > 0 || (order == 0 && !r->high_in))
			return 0;
	}
	return 1;
}

/* ---- text ---- */

static void write_quoted(struct str s, struct sb *b)
{
	sb_putc(b, '"');
	for (size_t i = 0; i < s.n; i++) {
		switch (s.p[i]) {
		case '"': sb_puts(b, "\\\""); break;
		case '\\': sb_puts(b, "\\\\"); break;
		case '\n': sb_puts(b, "\\n"); break;
		case '\r': sb_puts(b, "\\r"); break;
		case '\t': sb_puts(b, "\\t"); break;
		default: sb_putc(b, s.p[i]);
		}
	}
	sb_putc(b, '"');
}

static void write_text(const struct feel_value *v, struct sb *b, int depth);

static void write_inner(const struct feel_value *v, struct sb *b, int depth)
{
	if (!v)
		return;
	if (v->type == FEEL_STRING)
		write_quoted(v->string, b);
	else
		write_text(v, b, depth + 1);
}

/* Whether a key reads back as a name without quotes. */
static bool is_plain_key(struct str s)
{
	if (!s.n || (s.p[0] >= '0' && s.p[0] <= '9'))
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (!(c >= 0x80 || c == '_' || (c >= '0' && c <= '9') ||
		            ((c | 32) >= 'a' && (c | 32) <= 'z') || (c == ' ' && i > 0 && i + 1 < s.n)))
			return false;
	}
	return true;
}

static void write_text(const struct feel_value *v, struct sb *b, int depth)
{
	if (depth > FEEL__VALUE_DEPTH_MAX) {
		b->failed = true; /* as a text that is too long */
		return;
	}
	switch (v->type) {
	case FEEL_NULL: sb_puts(b, "null"); break;
	case FEEL_BOOL: sb_puts(b, v->boolean ? "true" : "false"); break;
	case FEEL_NUMBER: feel_number_write(b, v->number); break;
	case FEEL_STRING: sb_putstr(b, v->string); break;
	case FEEL_LIST:
		sb_putc(b, '[');
		for (int i = 0; i < v->list.n && !b->failed; i++) {
			if (i)
				sb_puts(b, ", ");
			write_inner(&v->list.item[i], b, depth);
		}
		sb_putc(b, ']');
		break;
	case FEEL_CONTEXT:
		sb_putc(b, '{');
		for (int i = 0; i < v->context.n && !b->failed; i++) {
			const struct feel_entry *e = &v->context.entry[i];

			if (i)
				sb_puts(b, ", ");
			if (is_plain_key(e->key))
				sb_putstr(b, e->key);
			else
				write_quoted(e->key, b);
			sb_puts(b, ": ");
			write_inner(e->value, b, depth);
		}
		sb_putc(b, '}');
		break;
	case FEEL_RANGE:
		if (!v->range.low || !v->range.high) {
			sb_puts(b, v->range.low       ? (v->range.low_in ? ">=" : ">")
			           : v->range.high_in ? "<="
			                              : "<");
			write_inner(v->range.low ? v->range.low : v->range.high, b, depth);
			break;
		}
		sb_putc(b, v->range.low_in ? '[' : '(');
		write_inner(v->range.low, b, depth);
		sb_puts(b, "..");
		write_inner(v->range.high, b, depth);
		sb_putc(b, v->range.high_in ? ']' : ')');
		break;
	case FEEL_FUNCTION: sb_puts(b, "function"); break;
	default: feel__write_temporal(v, b);
	}
}

void feel_write_text(const struct feel_value *v, struct sb *b)
{
	write_text(v, b, 0);
}
