/*
 * fault - named places where the world may fail, so that tests can make it.
 *
 *   if (fault(FAULT_SERIES_FSYNC)) return err_set(e, ERR_IO, "…");
 * One predictable branch when nothing is armed. Armed by HEMING_FAULT="SERIES_FSYNC:3,STORE_COMMIT:1+"
 * (the third time; from the first time on) or by fault_arm(). Any thread.
 */
#ifndef HEMING_FAULT_H
#define HEMING_FAULT_H

#include "base/base.h"

enum fault_point {
#define X(name, words) FAULT_##name,
#include "base/fault.tbl"
#undef X
	FAULTS
};

extern bool fault_armed_any; /* written by fault_arm only */
bool fault_check(enum fault_point p);
static inline bool fault(enum fault_point p)
{
	return UNLIKELY(__atomic_load_n(&fault_armed_any, __ATOMIC_RELAXED)) && fault_check(p);
}
/* "NAME:n", "NAME:n+", "NAME:off", several by comma. False names nothing armed: unknown name or form. */
MUST_USE bool fault_arm(const char *spec);

#endif
