/* Versions of packs: semantic versions (semver.org 2.0), and the ranges of them that a pack requires. */
#include "base/num.h"
#include "city/pack_int.h"

struct version {
	int64_t n[3];
	int given;      /* of the three numbers; a range may leave the last ones out */
	struct str pre; /* "rc.1" of 1.0.0-rc.1 */
};

/* Digits without a needless zero in front, as they must be in versions. */
static bool read_number(struct str s, int64_t *out)
{
	if (s.n == 0 || s.n > 9 || (s.n > 1 && s.p[0] == '0'))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return num_int(s, out);
}

static bool all_digits(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0;
}

/* "rc.1", "20260714": parts of letters, digits and -, none empty. */
static bool read_parts(struct str s, bool numbers)
{
	while (s.p != NULL) {
		struct str part = str_cut(&s, '.');
		int64_t ignored;

		if (part.n == 0)
			return false;
		for (size_t i = 0; i < part.n; i++) {
			char c = part.p[i];

			if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			            c == '-'))
				return false;
		}
		if (numbers && all_digits(part) && !read_number(part, &ignored))
			return false;
	}
	return true;
}

static bool read_version(struct str s, struct version *v)
{
	struct str core = str_cut(&s, '+'), build = s;

	*v = (struct version){.pre = core};
	core = str_cut(&v->pre, '-');
	if ((build.p != NULL && !read_parts(build, false)) || (v->pre.p != NULL && !read_parts(v->pre, true)))
		return false;
	for (; core.p != NULL; v->given++)
		if (v->given == 3 || !read_number(str_cut(&core, '.'), &v->n[v->given]))
			return false;
	return v->given == 3 || v->pre.p == NULL;
}

bool pack__version_valid(const char *text)
{
	struct version v;

	return read_version(str_of(text), &v) && v.given == 3;
}

static int compare_numbers(const struct version *a, const struct version *b, int parts)
{
	for (int i = 0; i < parts; i++)
		if (a->n[i] != b->n[i])
			return a->n[i] < b->n[i] ? -1 : 1;
	return 0;
}

/* Numbers before words, numbers by value, fewer parts first. */
static int compare_pre(struct str a, struct str b)
{
	while (a.p != NULL && b.p != NULL) {
		struct str x = str_cut(&a, '.'), y = str_cut(&b, '.');
		int64_t i, k;
		bool xn = read_number(x, &i), yn = read_number(y, &k);
		int rc = xn && yn ? (i > k) - (i < k) : xn != yn ? (xn ? -1 : 1) : str_cmp(x, y);

		if (rc != 0)
			return rc;
	}
	return (a.p != NULL) - (b.p != NULL);
}

static int compare(const struct version *a, const struct version *b)
{
	int rc = compare_numbers(a, b, 3);

	if (rc != 0)
		return rc;
	if (a->pre.p == NULL || b->pre.p == NULL) /* what was released comes after what was tried before */
		return (a->pre.p == NULL) - (b->pre.p == NULL);
	return compare_pre(a->pre, b->pre);
}

int pack__version_compare(const char *a, const char *b)
{
	struct version x, y;

	if (!read_version(str_of(a), &x) || !read_version(str_of(b), &y))
		return 0; /* one from before versions had to have this form */
	return compare(&x, &y);
}

/* ---- ranges ---- */

/* The next comparison of a range: 1, 0 at the end, -1 when it cannot be read. */
static int next_bound(struct str *rest, const char **op, struct version *v)
{
	static const char *const ops[] = {">=", "<=", ">", "<", "=", ""};
	struct str s = STR_NULL;

	*rest = str_trim(*rest);
	if (rest->n == 0)
		return 0;
	s = str_cut(rest, ' ');
	for (size_t i = 0; i < ARRAY_LEN(ops); i++)
		if (str_starts(s, ops[i])) {
			size_t n = strlen(ops[i]);

			*op = ops[i];
			return read_version((struct str){s.p + n, s.n - n}, v) ? 1 : -1;
		}
	wrong("every text begins with nothing");
}

/* A try of 2.0.0 is no version below 2. */
static bool holds(const char *op, const struct version *bound, const struct version *v)
{
	if (strcmp(op, "<") == 0 && bound->pre.p == NULL)
		return compare_numbers(v, bound, 3) < 0;
	if (*op == '\0' || strcmp(op, "=") == 0)
		return bound->given < 3 ? compare_numbers(v, bound, bound->given) == 0
		                        : compare(v, bound) == 0;
	return *op == '>' ? compare(v, bound) >= (op[1] == '=' ? 0 : 1)
	                  : compare(v, bound) <= (op[1] == '=' ? 0 : -1);
}

bool pack__range_valid(const char *range)
{
	struct str rest = str_of(range);
	struct version v;
	const char *op;
	int rc;

	while ((rc = next_bound(&rest, &op, &v)) > 0)
		;
	return rc == 0;
}

bool pack__range_holds(const char *range, const char *version)
{
	struct str rest = str_of(range);
	struct version bound, v;
	const char *op;

	if (!read_version(str_of(version), &v))
		return str_trim(rest).n == 0;
	while (next_bound(&rest, &op, &bound) > 0)
		if (!holds(op, &bound, &v))
			return false;
	return true;
}
