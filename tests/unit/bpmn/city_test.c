/* The flow and the decision of the Yancheng pack, with real DMN. */
#include "play.h"

#include "check.h"

#include "base/file.h"

static const struct dmn_model *decision(void *ctx, const char *ref)
{
	return strcmp(ref, "dispatch") == 0 ? ctx : NULL;
}

static struct dmn_model *city_begin(struct play *p)
{
	struct dmn_model *m = NULL;
	struct str text;

	*p = (struct play){
	        .sv = {.now = PLAY_NOW, .decision = decision}, .a = arena_new(0), .s = bpmn_state_new()};
	if (check_ok(file_read(p->a, SOURCE "/packs/yancheng/flows/city-case.bpmn", 1 << 20, &text, &p->e),
	            &p->e))
		check_ok(bpmn_load(text, "city-case.bpmn", NULL, &p->d, &p->e), &p->e);
	if (check_ok(file_read(p->a, SOURCE "/packs/yancheng/decisions/dispatch.dmn", 1 << 20, &text, &p->e),
	            &p->e))
		check_ok(dmn_load(text, "dispatch.dmn", NULL, &m, &p->e), &p->e);
	p->sv.ctx = m;
	return m;
}

static void no_finding(void *ctx, bool error, int line, const char *text)
{
	(void)ctx;
	check_fail("%s line %d: %s", error ? "error" : "warning", line, text);
}

#define GAS                                                                                                   \
	"{\"alarm\":{\"name\":\"燃气浓度超限\",\"level\":2},\"thing\":{\"code\":\"GAS-0412\",\"kind\":" \
	"\"gas-sensor\"},"                                                                                    \
	"\"source\":\"alarm\",\"deadline\":\"2026-07-14T08:00:00+08:00\",\"desk\":{\"org\":\"ycoc\"}}"

TEST(a_case_goes_its_way)
{
	struct play p;
	struct dmn_model *m = city_begin(&p);

	if (p.d && m) {
		check_eq_i(bpmn_check(p.d, no_finding, NULL), 0);
		check_eq_s(play_start(&p, GAS), "decided:dispatch open:handle timer:deadline-passed");
		check_str(play_event(&p, BPMN_TASK_OPENED)->text, "zhujian");
		check_has(play_event(&p, BPMN_DECIDED)->text.p, "\"gas-leak\"");
		check_eq_s(play_timer(&p, "deadline-passed"), "untimer:deadline-passed escalate:overdue");
		check_eq_s(
		        play_done(&p, "handle", "{\"outcome\":\"returned\"}"), "done:handle open:redispatch");
		check_str(play_event(&p, BPMN_TASK_OPENED)->text, "ycoc");
		check_eq_s(play_done(&p, "redispatch", "{\"outcome\":\"dispatch\",\"org\":\"yingji\"}"),
		        "done:redispatch open:handle timer:deadline-passed");
		check_str(play_event(&p, BPMN_TASK_OPENED)->text, "yingji");
		check_eq_s(play_done(&p, "handle", "{\"outcome\":\"done\"}"),
		        "done:handle untimer:deadline-passed open:verify");
		check_eq_s(play_done(&p, "verify", "{\"outcome\":\"reject\"}"),
		        "done:verify open:handle timer:deadline-passed");
		check_eq_s(play_done(&p, "handle", "{\"outcome\":\"done\"}"),
		        "done:handle untimer:deadline-passed open:verify");
		check_eq_s(play_done(&p, "verify", "{\"outcome\":\"pass\"}"), "done:verify open:close");
		check_eq_s(play_done(&p, "close", "{\"outcome\":\"close\"}"), "done:close ended");
	}
	dmn_free(&m);
	play_end(&p);
}

TEST(a_case_is_voided)
{
	struct play p;
	struct dmn_model *m = city_begin(&p);

	if (p.d && m) {
		play_start(&p, GAS);
		play_done(&p, "handle", "{\"outcome\":\"returned\"}");
		check_eq_s(play_done(&p, "redispatch", "{\"outcome\":\"void\"}"), "done:redispatch ended");
	}
	dmn_free(&m);
	play_end(&p);
}

TEST(everybody_gets_their_own)
{
	static const struct {
		const char *vars, *org, *category;
	} CASES[] = {
	        {"{\"category\":\"waste\",\"desk\":{\"org\":\"ycoc\"}}", "chengguan", "waste"},
	        {"{\"category\":\"traffic\"}", "gongan", "traffic"},
	        {"{\"category\":\"unheard-of\"}", "ycoc", "unheard-of"},
	        {"{}", "ycoc", "other"},
	        {"{\"thing\":{\"kind\":\"water-level\"},\"alarm\":{\"name\":\"x\"}}", "shuiwu", "flood"},
	        {"{\"thing\":{\"kind\":\"air-station\"}}", "shengtai", "air"},
	        {"{\"alarm\":{\"name\":\"GasLeak\"}}", "zhujian", "gas-leak"},
	        {"{\"category\":\"chemical\"}", "yingji", "chemical"},
	        {"{\"thing\":{\"kind\":\"manhole-cover\"}}", "zhujian", "manhole"},
	        {"{\"thing\":{\"kind\":\"street-light\"},\"alarm\":{\"name\":\"DeviceSilent\"}}", "chengguan",
	                "device"},
	};

	for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
		struct play p;
		struct dmn_model *m = city_begin(&p);

		if (p.d && m) {
			check_eq_s(play_start(&p, CASES[i].vars), "decided:dispatch open:handle");
			if (play_event(&p, BPMN_TASK_OPENED)) {
				const struct feel_value *got =
				        feel_get(bpmn_state_variables(p.s), "dispatch");

				check_str(play_event(&p, BPMN_TASK_OPENED)->text, CASES[i].org);
				check_str(feel_get(got, "category")->string, CASES[i].category);
			}
		}
		dmn_free(&m);
		play_end(&p);
	}
}
