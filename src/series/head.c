#include "series/head.h"

#include "series/decimal.h"

static const int64_t unit_us[] = {1, US_MS, US_SECOND};

/* Exact, since the unit divides all times of a head. Constants divide by multiplication. */
static int64_t in_units(time_us t, int unit)
{
	return unit == 2 ? t / US_SECOND : unit == 1 ? t / US_MS : t;
}

static void reserve(struct head *h, size_t more)
{
	size_t need = h->used + more, cap;

	if (need <= h->cap)
		return;
	cap = h->cap < 32 ? 32 : h->cap + h->cap / 2u;
	cap = cap < need ? need : cap;
	cap = (cap + 15) & ~(size_t)15;
	h->p = xrealloc(h->p, cap);
	h->cap = (uint16_t)cap;
}

/* The point, its value as the integer x of the head's exponent, or NULL. */
static void put(struct head *h, time_us t, double v, const int64_t *x)
{
	uint8_t *p;

	reserve(h, 2 * VARINT_MAX_B);
	p = h->p + h->used;
	if (!h->n) {
		h->first = t;
		h->delta = 0;
		h->x = 0;
	} else {
		int64_t d = wrap_sub(in_units(t, h->unit), in_units(h->last, h->unit));

		put_zigzag(&p, wrap_sub(d, h->delta));
		h->delta = d;
	}
	if (x) {
		put_varint(&p, zigzag(*x - h->x) + 1);
		h->x = *x;
	} else {
		*p++ = 0;
		put_u64(&p, bits_of(v));
	}
	h->last = t;
	h->used = (uint16_t)(p - h->p);
	h->n++;
}

static void recode(struct head *h, int unit, int exp)
{
	time_us t[HEAD_POINTS];
	double v[HEAD_POINTS];
	int n = h->n;

	must(head_decode(h, t, v));
	h->n = h->used = 0;
	h->unit = (uint8_t)unit;
	h->exp = (uint8_t)exp;
	for (int i = 0; i < n; i++) {
		int64_t x;

		put(h, t[i], v[i], decimal_at(v[i], exp, &x) ? &x : NULL);
	}
}

void head_append(struct head *h, time_us t, double v)
{
	int unit = h->n ? h->unit : 2, exp = h->n ? h->exp : 0, e;
	int64_t x;
	bool decimal;

	must(!h->n || t > h->last);
	while (in_units(t, unit) * unit_us[unit] != t)
		unit--;
	decimal = decimal_at(v, exp, &x);
	if (!decimal && (e = decimal_find(v, exp + 1, &x)) > 0) {
		exp = e;
		decimal = true;
	}
	if (!h->n) {
		h->unit = (uint8_t)unit;
		h->exp = (uint8_t)exp;
	} else if (UNLIKELY(unit != h->unit || exp != h->exp)) {
		recode(h, unit, exp);
	}
	put(h, t, v, decimal ? &x : NULL);
}

bool head_decode(const struct head *h, time_us *t, double *v)
{
	const uint8_t *p = h->p, *end = h->p + h->used;
	int64_t scaled, delta = 0, x = 0;

	if (h->n > HEAD_POINTS || h->unit > 2 || h->exp > DECIMAL_EXP_MAX)
		return false;
	scaled = in_units(h->first, h->unit);
	for (int i = 0; i < h->n; i++) {
		int64_t d;
		uint64_t z;

		if (i) {
			if (!get_zigzag(&p, end, &d))
				return false;
			delta = wrap_add(delta, d);
			scaled = wrap_add(scaled, delta);
		}
		t[i] = wrap_mul(scaled, unit_us[h->unit]);
		if (i && t[i] <= t[i - 1])
			return false;
		if (!get_varint(&p, end, &z))
			return false;
		if (z) {
			x = wrap_add(x, unzigzag(z - 1));
			v[i] = decimal_value(x, h->exp);
		} else {
			if (!get_u64(&p, end, &z))
				return false;
			v[i] = double_of(z);
		}
	}
	return p == end && (!h->n || (t[0] == h->first && t[h->n - 1] == h->last));
}

void head_clear(struct head *h)
{
	free(h->p);
	*h = (struct head){0};
}
