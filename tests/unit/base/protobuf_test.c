#include "base/protobuf.h"
#include "check.h"

TEST(numbers_of_all_lengths_come_back)
{
	for (int bit = 0; bit < 64; bit++) {
		for (int d = -1; d <= 1; d++) {
			uint64_t v = (UINT64_C(1) << bit) + (uint64_t)(int64_t)d, got = 0;
			struct sb b = SB_INIT;
			struct protobuf r;

			protobuf_put_number(&b, v);
			r = protobuf_of(sb_str(&b));
			check(protobuf_number(&r, &got) && got == v && !r.bad);
			check(!protobuf_number(&r, &got) && !r.bad);
			sb_fini(&b);
		}
	}
	check(protobuf_zigzag(0) == 0 && protobuf_zigzag(-1) == 1 && protobuf_zigzag(1) == 2);
	check(protobuf_zigzag(INT64_MIN) == UINT64_MAX);
}

/* Examples of the specification "Encoding". */
TEST(the_examples_of_the_specification_are_written_and_read)
{
	struct protobuf_field f = {0};
	struct protobuf r;
	struct sb b = SB_INIT;

	protobuf_put_varint(&b, 1, 150);
	check(str_eq(sb_str(&b), STR_LIT("\x08\x96\x01")));
	sb_reset(&b);
	protobuf_put_bytes(&b, 2, STR_LIT("testing"));
	check(str_eq(sb_str(&b), STR_LIT("\x12\x07testing")));
	sb_reset(&b);
	size_t at = protobuf_begin(&b, 3);
	protobuf_put_varint(&b, 1, 150);
	protobuf_end(&b, at);
	check(str_eq(sb_str(&b), STR_LIT("\x1a\x03\x08\x96\x01")));
	r = protobuf_of(sb_str(&b));
	check(protobuf_next(&r, &f) && f.no == 3 && f.type == PROTOBUF_BYTES && f.bytes.n == 3);
	r = protobuf_of(f.bytes);
	check(protobuf_next(&r, &f) && f.no == 1 && f.type == PROTOBUF_VARINT && f.number == 150);
	check(!protobuf_next(&r, &f) && !r.bad);
	sb_fini(&b);
}

TEST(messages_in_messages_have_lengths_of_any_size)
{
	static const size_t sizes[] = {0, 1, 127, 128, 16383, 16384, 70000};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct protobuf_field f = {0};
		struct sb b = SB_INIT;
		struct protobuf r;
		size_t at = protobuf_begin(&b, 1), inner = protobuf_begin(&b, 2);

		for (size_t k = 0; k < sizes[i]; k++)
			sb_putc(&b, (char)k);
		protobuf_end(&b, inner);
		protobuf_put_double(&b, 3, -0.5);
		protobuf_end(&b, at);
		protobuf_put_varint(&b, 9, 1);
		r = protobuf_of(sb_str(&b));
		check(protobuf_next(&r, &f) && f.no == 1 && f.type == PROTOBUF_BYTES);
		struct protobuf in = protobuf_of(f.bytes);
		check(protobuf_next(&r, &f) && f.no == 9 && f.number == 1);
		check(protobuf_next(&in, &f) && f.no == 2 && f.bytes.n == sizes[i]);
		for (size_t k = 0; k < f.bytes.n; k++)
			if (f.bytes.p[k] != (char)k)
				check_fail("byte %zu of %zu", k, sizes[i]);
		check(protobuf_next(&in, &f) && f.no == 3 && protobuf_double(f.number) == -0.5);
		check(!protobuf_next(&in, &f) && !in.bad);
		sb_fini(&b);
	}
}

TEST(broken_messages_end_and_say_so)
{
	static const struct str bad[] = {STR_LIT("\x08"), STR_LIT("\x08\x80"), STR_LIT("\x12\x05test"),
	        STR_LIT("\x09\x01\x02"), STR_LIT("\x0d\x01"), STR_LIT("\x0b"), STR_LIT("\x0c"),
	        STR_LIT("\x0e\x01"), STR_LIT("\x00\x01") /* number 0 */,
	        STR_LIT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
	        STR_LIT("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
	        STR_LIT("\x88\x80\x80\x80\x80\x80\x01\x01") /* a field number past 2^32 */,
	        STR_LIT("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x")};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct protobuf r = protobuf_of(bad[i]);
		struct protobuf_field f = {0};

		if (protobuf_next(&r, &f) || !r.bad || protobuf_next(&r, &f))
			check_fail("taken: input %zu", i);
	}
	struct protobuf none = protobuf_of(STR_NULL);
	struct protobuf_field f = {0};
	check(!protobuf_next(&none, &f) && !none.bad);
}
