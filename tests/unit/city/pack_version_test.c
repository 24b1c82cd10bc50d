#include "check.h"
#include "city/pack_int.h"

TEST(versions)
{
	static const char *const good[] = {
	        "0.0.0", "1.2.3", "10.20.30", "1.0.0-rc.1", "1.0.0-0a", "1.0.0+build.7", "1.0.0-x-y.0+001"};
	static const char *const bad[] = {"", "1", "1.0", "1.2.3.4", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0+",
	        "v1.0.0", "1.0.x", "1..0", "1.0.0-a..b", "1.0.0 ", "1.0.0-ä"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!pack__version_valid(good[i]))
			check_fail("%s is a version", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (pack__version_valid(bad[i]))
			check_fail("%s is no version", bad[i]);
}

/* The order of semver.org, item 11. */
TEST(their_order)
{
	static const char *const up[] = {"1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
	        "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.1.0", "1.9.0", "1.10.0",
	        "2.0.0"};

	for (size_t i = 0; i < ARRAY_LEN(up); i++)
		for (size_t k = 0; k < ARRAY_LEN(up); k++) {
			int rc = pack__version_compare(up[i], up[k]);

			check_eq_i((rc > 0) - (rc < 0), (i > k) - (i < k));
		}
	check_eq_i(pack__version_compare("1.0.0+a", "1.0.0+b"), 0);
}

TEST(ranges)
{
	static const struct {
		const char *range, *version;
		bool holds;
	} rows[] = {{"", "0.0.1", true}, {">=1.2 <2", "1.2.0", true}, {">=1.2 <2", "1.1.9", false},
	        {">=1.2 <2", "2.0.0", false}, {">=1.2 <2", "1.10.3", true}, {"<2", "2.0.0-rc.1", false},
	        {"<2.0.0-rc.2", "2.0.0-rc.1", true}, {">1", "1.0.0", false}, {">1", "1.0.1", true},
	        {"<=1.2", "1.2.0", true}, {"<=1.2", "1.2.1", false}, {"1.2", "1.2.9", true},
	        {"1.2", "1.3.0", false}, {"=1.2.3", "1.2.3", true}, {"=1.2.3", "1.2.4", false},
	        {"1", "1.99.0", true}, {"  >=1   <3 ", "2.5.0", true}, {">=1", "none", false}};
	static const char *const bad[] = {">= 1", "~1.2", "1.x", ">=1,<2", ">=", "1.2.3.4", ">=1 || <0.5"};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (!pack__range_valid(rows[i].range) ||
		        pack__range_holds(rows[i].range, rows[i].version) != rows[i].holds)
			check_fail("%s %s %s", rows[i].version, rows[i].holds ? "lies in" : "does not lie in",
			        rows[i].range);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (pack__range_valid(bad[i]))
			check_fail("\"%s\" is no range", bad[i]);
}
