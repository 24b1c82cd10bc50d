/* Models that import others: names, types, inputs, and what is refused. */
#include "model.h"

#define DMN "https://www.omg.org/spec/DMN/20230324/MODEL/"
#define INPUT_AT(href) "<informationRequirement><requiredInput href='" href "'/></informationRequirement>\n"
#define DECISION_AT(href)                                                                                    \
	"<informationRequirement><requiredDecision href='" href "'/></informationRequirement>\n"
#define KNOWS_AT(href) "<knowledgeRequirement><requiredKnowledge href='" href "'/></knowledgeRequirement>\n"
#define IMPORTER(ns, body)                                                                                   \
	"<definitions xmlns='" DMN "' namespace='" ns "' name='" ns "'>\n" body "</definitions>"
#define IMPORT(ns, name) "<import namespace='" ns "' name='" name "' importType='" DMN "'/>\n"

static const char library[] = IMPORTER("urn:lib",
        "<itemDefinition name='tAge'><typeRef>number</typeRef><allowedValues><text>[0..150]</text>"
        "</allowedValues></itemDefinition>\n" INPUT("Person name", "string")
                DECISION("greeting", NEEDS("Person name") LITERAL("\"Hello \" + Person name"))
                        BKM("twice it", "<formalParameter name='n' typeRef='tAge'/>", LITERAL("n * 2")));
static const char middle[] = IMPORTER("urn:middle",
        IMPORT("urn:lib", "lib")
                DECISION("loud", DECISION_AT("urn:lib#greeting") LITERAL("upper case(lib.greeting)")));

static const struct dmn_source files[] = {
        {{library, sizeof(library) - 1}, "lib.dmn"}, {{middle, sizeof(middle) - 1}, "middle.dmn"}};
static const struct dmn_options with = {.source = files, .sources = ARRAY_LEN(files)};

TEST(uses_what_another_model_defines)
{
	static const char xml[] = IMPORTER("urn:top",
	        IMPORT("urn:lib", "lib") INPUT("age", "lib.tAge") DECISION(
	                "d", NEEDS("age") KNOWS_AT("urn:lib#twice it") LITERAL("lib.twice it(age)"))
	                DECISION("greets", INPUT_AT("urn:lib#Person name") DECISION_AT("urn:lib#greeting")
	                                           LITERAL("[lib.greeting, lib.Person name]"))
	                        DECISION("is", NEEDS("age") LITERAL("age instance of lib.tAge")));

	decides_with(xml, &with, "d", "{\"age\": 20}", "40");
	decides_with(xml, &with, "d", "{\"age\": 200}",
	        "null (the input age is not of type lib.tAge, so it is null)");
	decides_with(xml, &with, "is", "{\"age\": 20}", "true");
	decides_with(xml, &with, "greets", "{\"lib\": {\"Person name\": \"Li\"}}", "[\"Hello Li\", \"Li\"]");
	decides_with(xml, &with, "greets", "{\"lib.Person name\": \"Li\"}", "[\"Hello Li\", \"Li\"]");
	decides_with(xml, &with, "lib.greeting", "{\"lib.Person name\": \"Li\"}", "Hello Li");
}

TEST(takes_an_import_without_a_name_as_its_own)
{
	decides_with(IMPORTER("urn:top",
	                     IMPORT("urn:lib", "") INPUT("age", "tAge") DECISION("d",
	                             NEEDS("age") KNOWS_AT("urn:lib#twice it") DECISION_AT("urn:lib#greeting")
	                                     LITERAL("[twice it(age), greeting]"))),
	        &with, "d", "{\"age\": 4, \"Person name\": \"Li\"}", "[8, \"Hello Li\"]");
}

TEST(gives_each_way_of_import_inputs_of_its_own)
{
	static const char xml[] =
	        IMPORTER("urn:top", IMPORT("urn:middle", "m") IMPORT("urn:lib", "l") DECISION("d",
	                                    DECISION_AT("urn:middle#loud") DECISION_AT("urn:lib#greeting")
	                                            LITERAL("[m.loud, l.greeting]")));

	decides_with(xml, &with, "d",
	        "{\"m\": {\"lib\": {\"Person name\": \"a\"}}, \"l\": {\"Person name\": \"b\"}}",
	        "[\"HELLO A\", \"Hello b\"]");
	/* given once, it counts for both: it is the same element */
	decides_with(xml, &with, "d", "{\"l\": {\"Person name\": \"b\"}}", "[\"HELLO B\", \"Hello b\"]");
}

TEST(finds_a_file_by_its_name)
{
	decides_with(IMPORTER("urn:top",
	                     "<import namespace='urn:elsewhere' locationURI='./a/lib.dmn' name='x' "
	                     "importType='" DMN
	                     "'/>" DECISION("d", KNOWS_AT("lib.dmn#twice it") LITERAL("x.twice it(2)"))),
	        &with, "d", "{}", "4");
}

TEST(refuses_imports_that_cannot_be)
{
	static const char self[] = IMPORTER("urn:self", IMPORT("urn:self", "s"));
	static const struct dmn_source source[] = {{{self, sizeof(self) - 1}, "test.dmn"}};
	struct dmn_options options = {.source = source, .sources = 1};

	decides_with(self, &options, "d", "{}", "!2: it imports \"urn:self\", which imports it");
	decides_with(IMPORTER("urn:top", IMPORT("urn:nowhere", "x")), &with, "d", "{}",
	        "!2: it imports \"urn:nowhere\", which is not among the files");
	decides_with(IMPORTER("urn:top",
	                     IMPORT("urn:lib", "x") DECISION("d", KNOWS_AT("urn:lib#none") LITERAL("1"))),
	        &with, "d", "{}", "!3: \"d\" requires \"urn:lib#none\", which is not in the file");
}
