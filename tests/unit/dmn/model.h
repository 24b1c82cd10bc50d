/* model - writing decision models short: the XML around what a test is about. */
#ifndef HEMING_TEST_DMN_MODEL_H
#define HEMING_TEST_DMN_MODEL_H

#include "check.h"
#include "dmn/dmn.h"

#define MODEL(body)                                                                                          \
	"<definitions xmlns='https://www.omg.org/spec/DMN/20230324/MODEL/' name='m' id='m'>\n" body          \
	"</definitions>"
#define BKM(id, parameters, body)                                                                            \
	"<businessKnowledgeModel id='" id "' name='" id "'>" KNOWS(                                          \
	        id) "<encapsulatedLogic>" parameters body "</encapsulatedLogic></businessKnowledgeModel>\n"
#define INPUT(id, type)                                                                                      \
	"<inputData id='" id "' name='" id "'><variable name='" id "' typeRef='" type "'/></inputData>\n"
#define NEEDS(id) "<informationRequirement><requiredInput href='#" id "'/></informationRequirement>\n"
#define NEEDS_DECISION(id)                                                                                   \
	"<informationRequirement><requiredDecision href='#" id "'/></informationRequirement>\n"
#define KNOWS(id) "<knowledgeRequirement><requiredKnowledge href='#" id "'/></knowledgeRequirement>\n"
#define DECISION(id, body) "<decision id='" id "' name='" id "'>" body "</decision>\n"
#define LITERAL(text) "<literalExpression><text>" text "</text></literalExpression>"
#define TABLE(policy, body) "<decisionTable " policy ">\n" body "</decisionTable>"
#define IN(text) "<input><inputExpression><text>" text "</text></inputExpression></input>\n"
#define IN_OF(text, values)                                                                                  \
	"<input><inputExpression><text>" text "</text></inputExpression><inputValues><text>" values          \
	"</text></inputValues></input>\n"
#define OUT(attributes) "<output " attributes "/>\n"
#define OUT_OF(attributes, values)                                                                           \
	"<output " attributes "><outputValues><text>" values "</text></outputValues></output>\n"
#define ROW(entries) "<rule>" entries "</rule>\n"
#define I(text) "<inputEntry><text>" text "</text></inputEntry>"
#define O(text) "<outputEntry><text>" text "</text></outputEntry>"

/* The value's text, or "!" and the words of the failure; in the arena. */
static inline const char *decide_with(struct arena *a, const char *xml, const struct dmn_options *options,
        const char *decision, const char *json)
{
	struct dmn_model *m = NULL;
	struct feel_value in = FEEL_NULL_VALUE;
	struct feel_scope scope = {.context = &in};
	struct dmn_result r;
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;
	const char *text;

	check_ok(feel_read_json(a, str_of(json), &in, &e), &e);
	if (dmn_load(str_of(xml), "test.dmn", options, &m, &e) < 0)
		return arena_printf(a, "!%d: %s", e.line, e.text);
	if (dmn_evaluate(m, decision, &scope, a, &r, &e) < 0) {
		text = arena_printf(a, "!%s", e.text);
	} else {
		feel_write_text(&r.value, &b);
		for (int i = 0; i < r.n; i++)
			sb_printf(&b, " #%d", r.fired[i].row);
		if (r.notes.n > 0)
			sb_printf(&b, " (" STR_FMT ")", STR_ARG(r.notes));
		text = arena_strdup(a, b.p);
	}
	sb_fini(&b);
	dmn_free(&m);
	return text;
}

static inline void decides_with(const char *xml, const struct dmn_options *options, const char *decision,
        const char *json, const char *want)
{
	struct arena *a = arena_new(64 << 20);
	const char *got = decide_with(a, xml, options, decision, json);

	if (strcmp(got, want) != 0)
		check_fail("%s of %s with %s\ngives %s\nnot   %s", decision, xml, json, got, want);
	arena_free(&a);
}

static inline void decides(const char *xml, const char *decision, const char *json, const char *want)
{
	decides_with(xml, NULL, decision, json, want);
}

#endif
