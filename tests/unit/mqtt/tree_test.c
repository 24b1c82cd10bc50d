/*
 * The tree of topics against the slow way: every filter by itself.
 */
#include "check.h"
#include "mqtt/mqtt_int.h"

/* Of few names and few levels, so that many match. */
static void make(bool filter, char out[32])
{
	static const char *const names[] = {"a", "b", "", "$x", "+", "+", "#"};
	size_t n = 0;
	unsigned levels = 1 + (unsigned)test_below(4);
	out[0] = '\0';
	for (unsigned i = 0; i < levels; i++) {
		unsigned pick = (unsigned)test_below((filter ? 7 : 4));
		n += (size_t)snprintf(out + n, 32 - n, "%s%s", i > 0 ? "/" : "", names[pick]);
		if (pick == 6)
			break;
	}
	if (n == 0)
		snprintf(out, 32, "a");
}

TEST(matches_as_every_filter_by_itself)
{
	enum { FILTERS = 60, TOPICS = 400 };
	struct mqtt__tree t;
	struct mqtt__session s = {.subs = NULL};
	struct mqtt__sub *subs[FILTERS];
	char filters[FILTERS][32], topic[32];
	mqtt__tree_init(&t);
	for (int i = 0; i < FILTERS; i++) {
		do {
			make(true, filters[i]);
		} while (mqtt__sub_find(&t, &s, str_of(filters[i]), STR_NULL));
		subs[i] = mqtt__sub_add(&t, &s, str_of(filters[i]), STR_NULL);
		struct sb name = SB_INIT;
		mqtt__node_filter(subs[i]->node, &name);
		check_str(sb_str(&name), filters[i]);
		sb_fini(&name);
	}
	for (int i = 0; i < TOPICS; i++) {
		make(false, topic);
		int want = 0;
		for (int k = 0; k < FILTERS; k++) {
			bool does = filter_takes(str_of(filters[k]), str_of(topic)), found = false;
			mqtt__tree_match(&t, str_of(topic));
			for (size_t h = 0; h < t.hits_n; h++)
				found = found || t.hits[h] == subs[k]->node;
			if (does != found)
				check_fail("%s and %s: %d %d", filters[k], topic, does, found);
			want += does;
		}
		check_eq_u(t.hits_n, (unsigned)want);
	}
	for (int i = 0; i < FILTERS; i++)
		mqtt__sub_remove(&t, subs[i]);
	check_eq_u(t.nodes, 0);
	mqtt__tree_fini(&t);
}

static void count(void *ctx, struct mqtt__node *n)
{
	(void)n;
	(*(int *)ctx)++;
}

TEST(finds_retained_topics_as_every_topic_by_itself)
{
	enum { TOPICS = 60, FILTERS = 400 };
	struct mqtt__tree t;
	struct mqtt__stored any = {.refs = 1};
	char topics[TOPICS][32], filter[32];
	mqtt__tree_init(&t);
	for (int i = 0; i < TOPICS; i++) {
		do {
			make(false, topics[i]);
		} while (mqtt__tree_find(&t, str_of(topics[i])) &&
		         mqtt__tree_find(&t, str_of(topics[i]))->retained);
		mqtt__tree_get(&t, str_of(topics[i]))->retained = &any;
		t.retained++;
	}
	for (int i = 0; i < FILTERS; i++) {
		int want = 0, got = 0;
		make(true, filter);
		for (int k = 0; k < TOPICS; k++)
			want += filter_takes(str_of(filter), str_of(topics[k]));
		mqtt__tree_retained(&t, str_of(filter), count, &got);
		if (got != want)
			check_fail("%s: %d of %d", filter, got, want);
	}
	for (int i = 0; i < TOPICS; i++) {
		struct mqtt__node *n = mqtt__tree_find(&t, str_of(topics[i]));
		n->retained = NULL;
		mqtt__tree_prune(&t, n);
	}
	check_eq_u(t.nodes, 0);
	mqtt__tree_fini(&t);
}

TEST(the_examples_of_the_specification)
{
	/* 4.7.1 */
	static const struct {
		const char *filter, *topic;
		bool does;
	} cases[] = {
	        {"sport/tennis/player1/#", "sport/tennis/player1", true},
	        {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
	        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
	        {"sport/#", "sport", true},
	        {"sport/tennis/+", "sport/tennis/player1", true},
	        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
	        {"sport/+", "sport", false},
	        {"sport/+", "sport/", true},
	        {"+/+", "/finance", true},
	        {"/+", "/finance", true},
	        {"+", "/finance", false},
	        {"#", "$SYS/monitor/Clients", false},
	        {"+/monitor/Clients", "$SYS/monitor/Clients", false},
	        {"$SYS/#", "$SYS/monitor/Clients", true},
	        {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
	        {"ACCOUNTS", "Accounts", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (filter_takes(str_of(cases[i].filter), str_of(cases[i].topic)) != cases[i].does)
			check_fail("%s and %s", cases[i].filter, cases[i].topic);
}

/* All topics of up to three levels of these names. */
static int each_topic(char topics[][32])
{
	static const char *const names[] = {"a", "b", "", "$x", "c"};
	int n = 0;
	for (int i = 0; i < 5; i++) {
		snprintf(topics[n++], 32, "%s", names[i]);
		for (int k = 0; k < 5; k++) {
			snprintf(topics[n++], 32, "%s/%s", names[i], names[k]);
			for (int l = 0; l < 5; l++) {
				snprintf(topics[n++], 32, "%s/%s/%s", names[i], names[k], names[l]);
				snprintf(topics[n++], 32, "%s/%s/%s/c/c", names[i], names[k], names[l]);
			}
		}
	}
	return n;
}

/* "c" stands for any name that no filter says, so that all topics are as good as tried. */
TEST(filters_cover_and_meet_as_their_topics_say)
{
	char topics[400][32], a[32], b[32];
	int n = each_topic(topics);
	for (int i = 0; i < 3000; i++) {
		bool covers = true, meet = false;
		make(true, a);
		make(true, b);
		for (int k = 0; k < n; k++) {
			bool in_a = filter_takes(str_of(a), str_of(topics[k]));
			bool in_b = filter_takes(str_of(b), str_of(topics[k]));
			covers = covers && (in_a || !in_b);
			meet = meet || (in_a && in_b);
		}
		/* Filters of four levels say more than the topics here. */
		if (mqtt__levels(str_of(a)) > 3 || mqtt__levels(str_of(b)) > 3)
			continue;
		if (filters_meet(str_of(a), str_of(b)) != meet)
			check_fail("%s and %s: meet is %d", a, b, !meet);
		/* It may say no of what is covered in a roundabout way, never yes of what is not. */
		if (filter_covers(str_of(a), str_of(b)) && !covers)
			check_fail("%s does not cover %s", a, b);
		if (strcmp(a, b) == 0 && !filter_covers(str_of(a), str_of(b)))
			check_fail("%s covers itself", a);
	}
}

TEST(many_nodes_come_and_go)
{
	struct mqtt__tree t;
	struct mqtt__session s = {.subs = NULL};
	mqtt__tree_init(&t);
	for (int i = 0; i < 3000; i++) {
		char filter[40];
		snprintf(filter, sizeof(filter), "things/%d/commands", i);
		(void)mqtt__sub_add(&t, &s, str_of(filter), STR_LIT("g"));
	}
	check_eq_u(t.nodes, 6001);
	mqtt__tree_match(&t, STR_LIT("things/2999/commands"));
	check_eq_u(t.hits_n, 1);
	while (s.subs)
		mqtt__sub_remove(&t, s.subs);
	check_eq_u(t.nodes, 0);
	mqtt__tree_fini(&t);
}
