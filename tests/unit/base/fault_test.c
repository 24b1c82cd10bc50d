#include "base/fault.h"
#include "check.h"

TEST(fires_at_the_call_that_was_named)
{
	check(!fault(FAULT_FILE_WRITE));
	check(fault_arm("FILE_WRITE:3"));
	check(!fault(FAULT_FILE_WRITE));
	check(!fault(FAULT_FILE_FSYNC));
	check(!fault(FAULT_FILE_WRITE));
	check(fault(FAULT_FILE_WRITE));
	check(!fault(FAULT_FILE_WRITE));
	check(fault_arm("FILE_WRITE:2+"));
	check(!fault(FAULT_FILE_WRITE));
	check(fault(FAULT_FILE_WRITE));
	check(fault(FAULT_FILE_WRITE));
	check(fault_arm("FILE_WRITE:off"));
	check(!fault(FAULT_FILE_WRITE));
	check(!fault_armed_any);
}

TEST(several_are_armed_at_once)
{
	check(fault_arm("STORE_STEP:1, SERIES_FSYNC:1+"));
	check(fault(FAULT_STORE_STEP));
	check(fault(FAULT_SERIES_FSYNC));
	check(!fault(FAULT_STORE_COMMIT));
	check(fault_arm("SERIES_FSYNC:off"));
	check(fault_armed_any);
	check(fault_arm("STORE_STEP:off"));
	check(!fault_armed_any);
}

TEST(a_bad_order_arms_nothing)
{
	static const char *bad[] = {"", "NOPE:1", "STORE_STEP", "STORE_STEP:", "STORE_STEP:0",
	        "STORE_STEP:-1", "STORE_STEP:x", "STORE_STEP:+", "STORE_STEP:1,", "STORE_STEP:1,NOPE:1",
	        "store_step:1"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (fault_arm(bad[i]) || fault_armed_any)
			check_fail("taken: \"%s\"", bad[i]);
	}
}
