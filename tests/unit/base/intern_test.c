#include "base/intern.h"
#include "check.h"

TEST(the_same_bytes_are_the_same_number)
{
	struct intern t = {0};

	check_eq_u(intern_find(&t, STR_LIT("a")), INTERN_NONE);
	check_eq_u(intern(&t, STR_LIT("a")), 0);
	check_eq_u(intern(&t, STR_LIT("")), 1);
	check_eq_u(intern(&t, STR_LIT("a\0b")), 2);
	check_eq_u(intern(&t, STR_LIT("a")), 0);
	check_eq_u(intern(&t, STR_LIT("a\0b")), 2);
	check_eq_u(intern_find(&t, STR_LIT("")), 1);
	check_eq_u(intern_find(&t, STR_LIT("b")), INTERN_NONE);
	check_str(intern_str(&t, 0), "a");
	check_eq_u(intern_str(&t, 2).n, 3);
	intern_reset(&t);
	check_eq_u(intern_find(&t, STR_LIT("a")), INTERN_NONE);
	check_eq_u(intern(&t, STR_LIT("b")), 0);
	intern_fini(&t);
}

TEST(many_numbers)
{
	struct intern t = {0};
	char text[16];

	for (uint32_t i = 0; i < 50000; i++) {
		snprintf(text, sizeof(text), "%u", i * 7);
		check_eq_u(intern(&t, str_of(text)), i);
	}
	for (uint32_t i = 0; i < 50000; i++) {
		snprintf(text, sizeof(text), "%u", i * 7);
		check_eq_u(intern(&t, str_of(text)), i);
		check_str(intern_str(&t, i), text);
	}
	check(intern_bytes(&t) < 50000 * 60);
	intern_fini(&t);
}
