/* Where the values of a form lie: a path of keys and indexes into what was sent. */
#include "form/fill_int.h"

bool form__push(struct form__run *r, const struct form__field *f)
{
	if (r->place.n + f->pieces + 1 > FORM__PIECES_MAX)
		return false;
	for (int i = 0; i < f->pieces; i++)
		r->place.piece[r->place.n++] = f->path[i];
	return true;
}

void form__pop(struct form__run *r, int n)
{
	r->place.n -= n;
}

struct feel_value *form__step(const struct feel_value *v, struct str piece)
{
	if (piece.p == NULL)
		return v->type == FEEL_LIST && (int)piece.n < v->list.n ? &v->list.item[piece.n] : NULL;
	for (int i = 0; v->type == FEEL_CONTEXT && i < v->context.n; i++)
		if (str_eq(v->context.entry[i].key, piece))
			return v->context.entry[i].value;
	return NULL;
}

struct feel_value *form__at(const struct feel_value *root, const struct form__place *p, int n)
{
	struct feel_value *v = NULL;

	for (int i = 0; i < n; i++) {
		v = form__step(i == 0 ? root : v, p->piece[i]);
		if (v == NULL)
			return NULL;
	}
	return v;
}

void form__put(struct form__run *r, struct feel_value *root, struct feel_value v)
{
	struct feel_value *on = root;

	for (int i = 0; i < r->place.n; i++) {
		struct str piece = r->place.piece[i];
		struct feel_value *next = form__step(on, piece);

		if (next == NULL) {
			if (piece.p == NULL)
				return; /* lists have their items before these get values */
			if (on->type != FEEL_CONTEXT)
				*on = (struct feel_value){.type = FEEL_CONTEXT};
			feel_put(r->a, on, piece, (struct feel_value){.type = FEEL_CONTEXT});
			next = form__step(on, piece);
		}
		on = next;
	}
	*on = v;
}

static bool is_empty(const struct feel_value *v)
{
	if (v->type == FEEL_LIST) {
		for (int i = 0; i < v->list.n; i++)
			if (v->list.item[i].type != FEEL_NULL)
				return false;
		return true;
	}
	return v->type == FEEL_CONTEXT && v->context.n == 0;
}

/* Takes a value out, and what is empty for that. */
void form__clear(struct form__run *r, struct feel_value *root)
{
	for (int n = r->place.n; n > 0; n--) {
		struct feel_value *around = n == 1 ? root : form__at(root, &r->place, n - 1);
		struct str piece = r->place.piece[n - 1];

		if (around == NULL)
			return;
		if (around->type == FEEL_CONTEXT) {
			for (int i = 0; i < around->context.n; i++)
				if (str_eq(around->context.entry[i].key, piece)) {
					memmove(&around->context.entry[i], &around->context.entry[i + 1],
					        (size_t)(around->context.n - i - 1) *
					                sizeof(*around->context.entry));
					around->context.n--;
					break;
				}
		} else if (form__step(around, piece) != NULL) {
			*form__step(around, piece) = FEEL_NULL_VALUE;
		}
		if (!is_empty(around))
			return;
	}
}

const char *form__place_text(struct form__run *r)
{
	struct sb b = SB_INIT;
	const char *s;

	for (int i = 0; i < r->place.n; i++) {
		if (i > 0)
			sb_putc(&b, '.');
		if (r->place.piece[i].p == NULL)
			sb_printf(&b, "%zu", r->place.piece[i].n);
		else
			sb_putstr(&b, r->place.piece[i]);
	}
	s = arena_strndup(r->a, b.p != NULL ? b.p : "", b.n);
	sb_fini(&b);
	return s;
}
