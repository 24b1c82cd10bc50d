/* The state as text: values of every kind come back, damaged text is refused, foreign events are bugs. */
#include "play.h"

#include "check.h"

#define BODY START END USER("a") FLOW("f", "s", "a") FLOW("k", "a", "e")

static void set(struct play *p, const char *name, const char *feel)
{
	const struct feel_scope scope = {.now = PLAY_NOW};
	struct feel_value vars = {.type = FEEL_CONTEXT}, v;
	struct feel_expr *x;

	check_ok(feel_compile(p->a, str_of(feel), NULL, &x, &p->e), &p->e);
	check_ok(feel_eval(x, &scope, p->a, &v, NULL, &p->e), &p->e);
	feel_put(p->a, &vars, str_of(name), v);
	check_eq_s(play_step(p, &(struct bpmn_input){.type = BPMN_SET, .variables = &vars}), "");
}

TEST(values_of_every_kind_come_back)
{
	static const char *const VALUES[] = {"null", "true", "false", "1", "-0.000000000000000000001",
	        "1234567890123456789012345678901234", "\"a \\\"quoted\\\" 文\"", "\"\"", "[]",
	        "[1,[2,null],\"x\"]", "{}", "{a: 1, b: {c: [true]}}", "{\"@\": 1}",
	        "{\"@range\": [1], \"@@x\": 2}", "@\"2026-07-14\"", "@\"08:30:00\"", "@\"08:30:00+08:00\"",
	        "@\"2026-07-14T08:30:00.25\"", "@\"2026-07-14T08:30:00Z\"",
	        "@\"2026-07-14T08:30:00@Asia/Shanghai\"", "@\"P1DT2H\"", "@\"-PT15M\"", "@\"P1Y2M\"",
	        "[1..5)", "{r: (@\"P1D\"..@\"P2D\"]}"};
	struct play p;

	if (play_begin(&p, BODY)) {
		play_start(&p, NULL);
		for (size_t i = 0; i < ARRAY_LEN(VALUES); i++) {
			struct bpmn_state *copy = NULL;
			const struct feel_value *was, *is;
			struct sb b = SB_INIT, was_text = SB_INIT, is_text = SB_INIT;

			set(&p, "v", VALUES[i]);
			bpmn_state_write(p.s, &b);
			if (check_ok(bpmn_state_read(sb_str(&b), &copy, &p.e), &p.e)) {
				was = feel_get(bpmn_state_variables(p.s), "v");
				is = feel_get(bpmn_state_variables(copy), "v");
				feel_write_text(was, &was_text);
				feel_write_text(is, &is_text);
				check_eq_i(is->type, was->type);
				check_eq_s(is_text.p, was_text.p);
			}
			bpmn_state_free(&copy);
			sb_fini(&b);
			sb_fini(&was_text);
			sb_fini(&is_text);
		}
	}
	play_end(&p);
}

TEST(deep_values_are_refused_before_they_are_kept)
{
	struct sb b = SB_INIT;
	struct play p;

	sb_puts(&b, "{\"v\":");
	for (int i = 0; i < 40; i++)
		sb_putc(&b, '[');
	for (int i = 0; i < 40; i++)
		sb_putc(&b, ']');
	sb_putc(&b, '}');
	if (play_begin(&p, BODY)) {
		check_eq_s(play_start(&p, b.p), "failed:INVALID");
		check_has(p.e.text, "nested");
	}
	sb_fini(&b);
	play_end(&p);
}

#define STATE(phase, key, tokens, waits, vars)                                                               \
	"{\"v\":1,\"phase\":\"" phase "\",\"key\":" key ",\"tokens\":[" tokens "],\"waits\":[" waits         \
	"],\"vars\":" vars "}"

TEST(damaged_text_is_refused)
{
	static const char *const TEXTS[] = {"", "[]", "{}", "{\"v\":1}", "nul",
	        STATE("walking", "1", "", "", "{}"), STATE("new", "0", "", "", "{}"),
	        STATE("new", "1", "", "", "[]"),
	        STATE("running", "9", "[2,0,\"a\",\"\",1],[2,0,\"a\",\"\",1]", "", "{}"),
	        STATE("running", "2", "[2,0,\"a\",\"\",1]", "", "{}"),
	        STATE("running", "9", "[2,1,\"a\",\"\",1]", "", "{}"),
	        STATE("running", "9", "[2,0,\"a\",\"\",9]", "", "{}"),
	        STATE("running", "9", "[2,0]", "", "{}"), STATE("ended", "9", "[2,0,\"a\",\"\",1]", "", "{}"),
	        STATE("running", "9", "", "[3,2,\"t\",0,5,\"\",false]", "{}"),
	        STATE("running", "9", "[2,0,\"a\",\"\",1]", "[3,2,\"t\",0,null,\"\",false]", "{}"),
	        STATE("running", "9", "", "", "{\"x\":{\"@\":\"no date\"}}"),
	        STATE("running", "9", "", "", "{\"x\":{\"@\":\"x\\\" + \\\"y\"}}"),
	        STATE("running", "9", "", "", "{\"x\":{\"@what\":1}}"),
	        STATE("running", "9", "", "", "{\"@\":\"P1D\"}"), STATE("running", "9", "", "", "{}") "x",
	        "{\"v\":1,\"v\":1,\"phase\":\"new\",\"key\":1,\"tokens\":[],\"waits\":[],\"vars\":{}}"};

	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		struct bpmn_state *s = NULL;
		struct err e = ERR_INIT;

		if (!check_err(bpmn_state_read(str_of(TEXTS[i]), &s, &e), ERR_CORRUPT))
			check_fail("of: %s", TEXTS[i]);
		check_eq_p(s, NULL);
		bpmn_state_free(&s);
	}
}

#define STATE_2(tokens, waits, more)                                                                         \
	"{\"v\":2,\"phase\":\"running\",\"key\":9,\"tokens\":[" tokens "],\"waits\":[" waits "]," more       \
	"\"vars\":{}}"

TEST(damaged_scopes_are_refused)
{
	static const char *const TEXTS[] = {STATE_2("", "", "\"calls\":[[2,\"q\",1]],"),
	        STATE_2("[2,0,\"a\",\"\",6]", "", ""),
	        STATE_2("[2,0,\"a\",\"\",6]", "", "\"calls\":[[2,\"q\",0]],"),
	        STATE_2("", "", "\"locals\":[[2,{}]],"),
	        STATE_2("[2,0,\"a\",\"\",1]", "", "\"locals\":[[2,[]]],"),
	        STATE_2("[2,0,\"a\",\"\",1]", "", "\"locals\":[[2,{}],[2,{}]],"),
	        STATE_2("[2,0,\"a\",\"\",1],[3,0,\"b\",\"\",1]", "[1,3,\"t\",0,5,\"\",false]", ""),
	        STATE_2("[2,0,\"a\",\"\",1]", "", "\"locals\":[[2,{\"x\":{\"@\":\"=\"}}]],"),
	        STATE_2("[2,0,\"a\",\"\",1]", "", "\"locals\":[[2,{\"x\":[{\"@\":\"=\"}]}]],"),
	        STATE("running", "9", "", "", "{\"x\":{\"@\":\"=\"}}"),
	        STATE_2("", "[3,0,\"hs\",1,null,\"m\",false]", ""),
	        STATE_2("", "[3,0,\"hs\",1,null,\"m\",false,false]", "")};

	for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
		struct bpmn_state *s = NULL;

		if (!check_err(bpmn_state_read(str_of(TEXTS[i]), &s, NULL), ERR_CORRUPT))
			check_fail("of: %s", TEXTS[i]);
		bpmn_state_free(&s);
	}
}

/* A program of before reads version 1; what needs no more is still written so. */
TEST(only_what_needs_it_is_of_a_later_version)
{
	static const struct {
		const char *body, *begins;
	} CASES[] = {{BODY, "{\"v\":1,"},
	        {START END "<userTask id='a' h:local='x'/>" FLOW("f", "s", "a") FLOW("k", "a", "e"),
	                "{\"v\":2,"},
	        {START END "<userTask id='a'><multiInstanceLoopCharacteristics "
	                   "h:collection='=[1]'/></userTask>" FLOW("f", "s", "a") FLOW("k", "a", "e"),
	                "{\"v\":2,"},
	        {START END "<callActivity id='a' calledElement='q'/>" FLOW("f", "s", "a") FLOW("k", "a", "e")
	                        PROCESS("q") START END USER("b") FLOW("f", "s", "b") FLOW("k", "b", "e"),
	                "{\"v\":2,"},
	        {START END "<callActivity id='a' calledElement='q'><extensionElements><h:in name='x' "
	                   "value='=1'/>"
	                   "</extensionElements></callActivity>" FLOW("f", "s", "a") FLOW("k", "a", "e")
	                           PROCESS("q") START END USER("b") FLOW("f", "s", "b") FLOW("k", "b", "e"),
	                "{\"v\":3,"},
	        {BODY "<subProcess id='h' triggeredByEvent='true'><startEvent id='hs'>" SIGNAL
	              "</startEvent><endEvent id='he'/>" FLOW("h1", "hs", "he") "</subProcess>",
	                "{\"v\":2,"}};

	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct sb b = SB_INIT;
		struct play p;

		if (play_begin(&p, CASES[i].body)) {
			play_start(&p, NULL);
			bpmn_state_write(p.s, &b);
			check_has(b.p, CASES[i].begins);
		}
		sb_fini(&b);
		play_end(&p);
	}
}

/* The variables of a call are not written again where the process has the same; as they change they are. */
TEST(what_a_call_was_given_is_written_once)
{
	struct sb b = SB_INIT;
	struct play p;

	if (play_begin(&p, START END "<callActivity id='a' calledElement='q'/>" FLOW("f", "s", "a")
	                           FLOW("k", "a", "e") PROCESS("q") START END USER("b") FLOW("f", "s", "b")
	                                   FLOW("k", "b", "e"))) {
		play_start(&p, "{\"n\":1,\"t\":\"text\",\"l\":[1],\"c\":{\"x\":\"y\"},\"@\":[2]}");
		bpmn_state_write(p.s, &b);
		check_has(b.p, "\"locals\":[[2,{\"n\":1,\"t\":{\"@\":\"=\"},\"l\":{\"@\":\"=\"},"
		               "\"c\":{\"@\":\"=\"},\"@@\":{\"@\":\"=\"}}]]");
		play_step(&p, &(struct bpmn_input){.type = BPMN_SET, .variables = NULL});
		check_eq_s(play_done(&p, "b", "{\"t\":\"other\"}"), "done:b returned:a ended");
		check_eq_s(play_variable(&p, "t"), "other");
		check_eq_s(play_variable(&p, "c"), "{x: \"y\"}");
	}
	sb_fini(&b);
	play_end(&p);
}

TEST(a_newer_state_says_so)
{
	struct bpmn_state *s = NULL;

	check_err(bpmn_state_read(STR_LIT("{\"v\":4}"), &s, NULL), ERR_NEWER);
}

TEST(a_state_of_another_definition_is_refused)
{
	static const char *const TEXTS[] = {STATE("running", "9", "[2,0,\"gone\",\"\",1]", "", "{}"),
	        STATE("running", "9", "[2,0,\"e\",\"\",1]", "", "{}"),
	        STATE("running", "9", "[2,0,\"a\",\"k\",1]", "", "{}"),
	        STATE("running", "9", "[1,0,\"a\",\"\",1],[2,1,\"a\",\"\",1]", "", "{}"),
	        STATE("running", "9", "[2,0,\"a\",\"\",1]", "[3,2,\"a\",1,null,\"\",false]", "{}")};
	struct play p;

	if (play_begin(&p, BODY))
		for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
			bpmn_state_free(&p.s);
			check_ok(bpmn_state_read(str_of(TEXTS[i]), &p.s, &p.e), &p.e);
			check_eq_s(play_named(&p, BPMN_SET, NULL, NULL), "failed:STATE");
		}
	play_end(&p);
}

TEST(foreign_events_are_bugs)
{
	static const struct bpmn_event EVENTS[] = {
	        {.type = BPMN_STARTED},
	        {.type = BPMN_TOKEN, .element = "a", .key = 1},
	        {.type = BPMN_TOKEN, .element = "zz", .key = 90},
	        {.type = BPMN_TOKEN, .element = "a", .key = 90, .scope = 77},
	        {.type = BPMN_TOKEN, .element = "a", .key = 90, .text = {"k", 1}},
	        {.type = BPMN_TOKEN_GONE, .key = 2},
	        {.type = BPMN_TOKEN_GONE, .key = 55},
	        {.type = BPMN_TASK_OPENED, .element = "a", .key = 2},
	        {.type = BPMN_TASK_DONE, .element = "a", .key = 3},
	        {.type = BPMN_INCIDENT, .element = "a", .key = 2},
	        {.type = BPMN_TIMER_SET, .element = "a", .key = 2, .scope = 2},
	        {.type = BPMN_TIMER_SET, .element = "a", .key = 90, .scope = 55},
	        {.type = BPMN_TIMER_GONE, .key = 2},
	        {.type = BPMN_ENDED},
	        {.type = (enum bpmn_event_type)99},
	};
	struct play p;

	if (play_begin(&p, BODY)) {
		struct sb before = SB_INIT, after = SB_INIT;

		play_start(&p, NULL);
		check_eq_u(play_key(&p, "a"), 2);
		bpmn_state_write(p.s, &before);
		for (size_t i = 0; i < ARRAY_LEN(EVENTS); i++)
			if (!check_err(bpmn_apply(p.d, p.s, &EVENTS[i], &p.e), ERR_BUG))
				check_fail("of event %zu", i);
		bpmn_state_write(p.s, &after);
		check_eq_s(after.p, before.p);
		sb_fini(&before);
		sb_fini(&after);
	}
	play_end(&p);
}

/* What a call is given are values of the state itself. */
TEST(events_may_borrow_from_the_state_that_they_change)
{
	struct sb vars = SB_INIT;
	char *text = xcalloc(1, 30001);
	struct play p;

	memset(text, 'x', 30000);
	sb_putc(&vars, '{');
	for (int i = 0; i < 7; i++)
		sb_printf(&vars, "%s\"v%d\":\"%d%s\"", i > 0 ? "," : "", i, i, text);
	sb_putc(&vars, '}');
	if (play_begin(&p, START USER("a") "<callActivity id='c' calledElement='q'>"
	                                   "<multiInstanceLoopCharacteristics><loopCardinality>3"
	                                   "</loopCardinality></multiInstanceLoopCharacteristics>"
	                                   "</callActivity>" END FLOW("f", "s", "a") FLOW("g", "a", "c")
	                                           FLOW("h", "c", "e") PROCESS("q") START USER("b")
	                                                   END FLOW("f", "s", "b") FLOW("g", "b", "e"))) {
		play_start(&p, vars.p);
		check_eq_s(play_done(&p, "a", NULL),
		        "done:a loop:c called:c called:c called:c open:b open:b open:b");
		for (int i = 0; i < 3; i++)
			play_done(&p, "b", NULL);
		check(bpmn_state_ended(p.s));
		check_eq_u(feel_get(bpmn_state_variables(p.s), "v6")->string.n, 30001);
	}
	play_end(&p);
	sb_fini(&vars);
	free(text);
}
