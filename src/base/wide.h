/*
 * wide - the few loops that are compiled twice: for every x86-64 processor, and for those with AVX2, whose
 * registers hold four doubles.
 *
 *   static ALWAYS_INLINE void loop(…) { … }
 *   static WIDE void loop_wide(…) { loop(…); }
 *   void f(…) { if (wide_here()) loop_wide(…); else loop(…); }
 *
 * Both round alike: AVX2 alone joins no multiplication with an addition.
 */
#ifndef HEMING_WIDE_H
#define HEMING_WIDE_H

#include "base/base.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))
#if defined(__x86_64__)
#define WIDE __attribute__((target("avx2")))
static inline bool wide_here(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
#define WIDE
static inline bool wide_here(void)
{
	return false;
}
#endif

#endif
