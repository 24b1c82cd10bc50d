/*
 * Sheets whose rows have to do with one another: codes twice, unique values that go from row to row, trees,
 * things that another row brings. On PostgreSQL the store is asked about a whole part ahead, on SQLite row by
 * row: both must come to the same.
 */
#include "city/record_import.h"
#include "mini.h"

#define CODES 9
#define ROUNDS 40

static unsigned any(unsigned n)
{
	return (unsigned)test_below(n);
}

static const char *const kinds[] = {"firm", "plot", "valve", "park"};

static void some_rows(struct sb *csv, int kind)
{
	static const char *const heads[] = {"编号,名称,全称,人数,园区,经营区域\n", "编号,名称,上级地块\n",
	        "编号,名称,属于,供给\n", "编号,名称,说明\n"};

	sb_puts(csv, heads[kind]);
	for (int rows = 1 + (int)any(8); rows > 0; rows--) {
		sb_printf(csv, "%c%u,%s,", "FPVK"[kind], any(CODES), any(12) ? "名" : "");
		if (kind == 0) {
			sb_printf(csv, "题%u,%u,", any(6), any(50));
			sb_printf(csv, any(2) ? "K%u," : ",", any(CODES));
			sb_puts(csv, any(3) ? "\n" : "1001\n");
		} else if (kind == 1) {
			sb_printf(csv, any(2) ? "P%u\n" : "\n", any(CODES));
		} else if (kind == 2) {
			sb_printf(csv, any(3) ? "," : "V%u,", any(CODES));
			sb_printf(csv, any(2) ? "\n" : "V%u\n", any(CODES));
		} else {
			sb_printf(csv, "注%u\n", any(3));
		}
	}
}

static void tell_rows(struct mini *m, int64_t id, const char *when, struct sb *out)
{
	struct record_batch_row *row = NULL;
	struct record_batch b = {0};
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;
	int n = 0;

	if (check_ok(store_read_begin(m->s->store, "test", &tx, &e), &e) &&
	        check_ok(record_batch_get(tx, m->a, m->s->catalog, &m->desk, id, &b, &e), &e) &&
	        check_ok(record_batch_rows(tx, m->a, &b, NULL, 0, 100, &row, &n, &e), &e)) {
		sb_printf(out, "%s: %s, %d new, %d changed, %d same, %d refused, %d failed\n", when, b.state,
		        (int)b.added, (int)b.changed, (int)b.same, (int)b.refused, (int)b.failed);
		for (int i = 0; i < n; i++)
			sb_printf(out, "  %d %s %s %d %s %s\n", (int)row[i].line, row[i].code, row[i].verdict,
			        (int)row[i].rev, row[i].field, row[i].words);
	}
	store_read_end(&tx);
}

static void tell_records(struct mini *m, struct sb *out)
{
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;

	if (!check_ok(store_read_begin(m->s->store, "test", &tx, &e), &e))
		return;
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (int i = 0; i < CODES; i++) {
			char code[8];
			struct record r = {0};

			snprintf(code, sizeof(code), "%c%d", "FPVK"[k], i);
			if (record_get(tx, m->a, m->s->catalog, &m->desk, kinds[k], code, &r, &e) == 0)
				sb_printf(
				        out, "%s %s %d %s %s\n", kinds[k], code, (int)r.rev, r.name, r.attrs);
		}
	store_read_end(&tx);
}

static void play(bool postgres, uint64_t seed, struct sb *out)
{
	int64_t done[ROUNDS];
	struct err e = ERR_INIT;
	struct mini m;
	int n = 0;

	test_seed(seed);
	mini_open(&m, postgres, false);
	for (int round = 0; round < ROUNDS && m.s != NULL; round++) {
		int kind = (int)any(ARRAY_LEN(kinds));
		struct record_import in = {.kind = kinds[kind], .title = "sheet.csv", .clear = any(2)};
		struct sb csv = SB_INIT;
		int64_t id = 0;

		some_rows(&csv, kind);
		in.bytes = sb_str(&csv);
		sb_printf(out, "%s\n", csv.p);
		if (check_ok(record_import(m.s, &m.desk, &in, &id, &e), &e)) {
			tell_rows(&m, id, "looked at", out);
			check_ok(record_batch_begin(m.s, &m.desk, id, false, &e), &e);
			check_ok(record_batch_run(m.s, &m.desk, id, NULL, NULL, &e), &e);
			tell_rows(&m, id, "carried out", out);
			done[n++] = id;
		}
		if (n > 0 && any(3) == 0) {
			int back = n - 1 - (int)any(n < 3 ? (unsigned)n : 3);

			check_ok(record_batch_begin(m.s, &m.desk, done[back], true, &e), &e);
			check_ok(record_batch_run(m.s, &m.desk, done[back], NULL, NULL, &e), &e);
			tell_rows(&m, done[back], "undone", out);
			done[back] = done[--n];
		}
		tell_records(&m, out);
		sb_fini(&csv);
	}
	mini_close(&m);
}

static void compare(uint64_t seed)
{
	struct sb lite = SB_INIT, post = SB_INIT;

	if (getenv("HEMING_TEST_POSTGRES") == NULL)
		return;
	play(false, seed, &lite);
	play(true, seed, &post);
	check(lite.n > 10000);
	check_eq_s(post.p, lite.p);
	sb_fini(&lite);
	sb_fini(&post);
}

TEST(a_part_at_once_is_what_row_by_row_would_be)
{
	compare(1);
}

TEST(a_part_at_once_in_another_city)
{
	compare(2);
}

TEST(a_part_at_once_in_a_third)
{
	compare(3);
}
