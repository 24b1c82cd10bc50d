#include "base/mask.h"
#include "check.h"

static void check_mask(int line, const char *rule, struct str text, const char *want)
{
	struct sb b = SB_INIT;

	sb_puts(&b, "");
	mask_text(&b, rule, text);
	check__eq_s(__FILE__, line, b.p, want, rule, "the masked text");
	sb_fini(&b);
}
#define MASK(rule, text, want) check_mask(__LINE__, rule, STR_LIT(text), want)

TEST(names_keep_one_character)
{
	MASK("name", "张三丰", "张**");
	MASK("name", "张三", "张*");
	MASK("name", "张", "*");
	MASK("name", "欧阳修", "欧**");
	MASK("name", "John Smith", "J*** *****");
	MASK("name", "𠀀三", "𠀀*");
	MASK("name", "阿卜杜拉·买买提", "阿*******");
	MASK("name", " 张三 ", "张*");
	MASK("name", "", "");
	MASK("name", "  ", "");
	MASK("name", "张\xe4\xb8", "***");
}

TEST(phones_keep_area_and_end)
{
	MASK("phone", "13812341234", "138****1234");
	MASK("phone", "138-1234-5678", "138-****-5678");
	MASK("phone", "138 1234 5678", "138 **** 5678");
	MASK("phone", "１３８１２３４１２３４", "138****1234"); /* wide digits */
	MASK("phone", "+8613812341234", "+86138****1234");
	MASK("phone", "+86 138 1234 1234", "+86 138 **** 1234");
	MASK("phone", "8613812341234", "86138****1234");
	MASK("phone", "008613812341234", "0086138****1234");
	MASK("phone", "0515-88123456", "0515-****3456");
	MASK("phone", "051588123456", "0515****3456");
	MASK("phone", "0515-8812345", "0515-***2345");
	MASK("phone", "025-88123456", "025-****3456");
	MASK("phone", "010-88123456", "010-****3456");
	MASK("phone", "(0515)88123456", "(0515)****3456");
	MASK("phone", "（0515）88123456", "(0515)****3456");
	MASK("phone", "0515-88123456-801", "0515-****3456-***");
	MASK("phone", "0515-88123456转801", "0515-****3456转***");
	MASK("phone", "025-8812-3456", "025-****-3456");
	MASK("phone", "88123456", "****3456");
	MASK("phone", "88123456-801", "****3456-***");
	MASK("phone", "400-123-4567", "400-***-4567");
	MASK("phone", "+1 212 555 1234", "+* *** *** 1234");
	MASK("phone", "13812341234/0515-88123456", "138****1234/0515-****3456");
	MASK("phone", "13812341234、13912345678", "138****1234、139****5678");
	MASK("phone", "110", "***");
	MASK("phone", "12345", "*****");
	MASK("phone", "138123", "******");
	MASK("phone", "0086", "****");
	MASK("phone", "", "");
	MASK("phone", "-", "***");
	MASK("phone", "ask Zhang", "***");
	MASK("phone", "13812341234 张三", "***");
	MASK("phone", "13812341234\xff", "***");
	MASK("phone", "11111111111111111111111111111111111111111111111111111111111", "***");
}

TEST(ids_keep_their_ends)
{
	MASK("id", "320902190001010005", "320***********0005");
	MASK("id", "11010519491231002X", "110***********002X");
	MASK("id", "320902900101000", "320********1000");
	MASK("id", "E12345678", "E******78");
	MASK("id", "12345678", "1*****78");
	MASK("id", "1234567", "*******");
	MASK("id", "12", "**");
	MASK("id", "苏盐字第一二三四号", "苏******四号");
	MASK("id", "", "");
	MASK("id", "\xff", "***");
}

TEST(addresses_keep_the_town)
{
	MASK("address", "江苏省盐城市亭湖区新城街道幸福小区3号楼201室", "江苏省盐城市亭湖区新城街道**");
	MASK("address", "江苏省盐城市亭湖区新城街道", "江苏省盐城市亭湖区新城街道**");
	MASK("address", "江苏省盐城市射阳县合德镇人民路1号", "江苏省盐城市射阳县合德镇**");
	MASK("address", "江苏省盐城市东台市时堰镇三里村", "江苏省盐城市东台市时堰镇**");
	MASK("address", "盐城市大丰区大中农场三队", "盐城市大丰区大中农场**");
	MASK("address", "新城街道5号", "新城街道**");
	MASK("address", "盐城市亭湖区希望大道南路5号", "盐城市亭湖区**");
	MASK("address", "盐城市解放路华苑小区3号", "盐城市**");
	MASK("address", "北京市朝阳区三里屯街道工体北路8号", "北京市朝阳区三里屯街道**");
	MASK("address", "上海市浦东新区张江镇", "上海市浦东新区张江镇**");
	MASK("address", "江苏省镇江市京口区正东路街道1号", "江苏省镇江市京口区正东路街道**");
	MASK("address", "河南省新乡市红旗区东街街道5号", "河南省新乡市红旗区东街街道**");
	MASK("address", "江苏省南京市鼓楼区中央门街道", "江苏省南京市鼓楼区中央门街道**");
	MASK("address", "江苏省南京市玄武区新街口街道", "江苏省南京市玄武区新街口街道**");
	MASK("address", "浙江省台州市路桥区路南街道", "浙江省台州市路桥区路南街道**");
	MASK("address", "山东省青岛市市北区辽宁路3号", "山东省青岛市市北区**");
	MASK("address", "江西省景德镇市珠山区", "江西省景德镇市珠山区**");
	MASK("address", "广西壮族自治区南宁市青秀区", "广西壮族自治区南宁市青秀区**");
	MASK("address", "四川省凉山彝族自治州西昌市北城街道", "四川省凉山彝族自治州西昌市北城街道**");
	MASK("address", "江苏省 盐城市 亭湖区 新兴镇 5组", "江苏省 盐城市 亭湖区 新兴镇**");
	MASK("address", "江苏省张三家", "**");
	MASK("address", "幸福小区3号楼", "**");
	MASK("address", "南京大学仙林校区", "**");
	MASK("address", "12 High Street", "**");
	MASK("address", "市", "**");
	MASK("address", "镇", "**");
	MASK("address", "", "");
	MASK("address", "盐城市\xff", "***");
}

TEST(numbers_stay_numbers)
{
	MASK("number", "12345.67", "10000");
	MASK("number", "0.0456", "0.05");
	MASK("number", "95", "100");
	MASK("number", "94", "90");
	MASK("number", "-37", "-40");
	MASK("number", "5", "5");
	MASK("number", "0", "0");
	MASK("number", "1.6e30", "2e+30");
	MASK("number", "1.7e308", "***");
	MASK("number", "12a", "***");
	MASK("number", "NaN", "***");
	MASK("number", "", "");
}

TEST(without_a_rule_all_is_hidden)
{
	MASK("", "secret", "***");
	MASK("nme", "张三丰", "***");
	MASK("", "", "***");
	check_mask(__LINE__, NULL, STR_LIT("x"), "***");
	check_mask(__LINE__, "name", STR_NULL, "");
	check(mask_rule("name") && mask_rule("number"));
	check(!mask_rule("") && !mask_rule(NULL) && !mask_rule("Name"));
}

/* Whatever the bytes: what comes out is UTF-8, and of names, phones and ids never the whole. */
TEST(never_the_whole)
{
	static const char *const rules[] = {"name", "phone", "id", "address", "number", ""};
	static const char *const pieces[] = {"张", "市", "区", "镇", "路", "省", "街道", "1", "86", "0", "+",
	        "-", "(", "转", "/", "138", "a", " ", "\xff", "\xe5\xbc", "５"};
	uint64_t x = 5;

	for (int round = 0; round < 30000; round++) {
		struct sb b = SB_INIT, out = SB_INIT;
		const char *rule = rules[round % (int)ARRAY_LEN(rules)];

		sb_puts(&out, "");
		sb_puts(&b, "");
		for (int i = round / 6 % 20; i > 0; i--) {
			x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			sb_puts(&b, pieces[(x >> 33) % ARRAY_LEN(pieces)]);
		}
		mask_text(&out, rule, sb_str(&b));
		check(utf8_valid(sb_str(&out)));
		if (strcmp(rule, "number") != 0 && str_trim(sb_str(&b)).n > 0 && strcmp(out.p, b.p) == 0)
			check_fail("%s shows %s", rule, b.p);
		sb_fini(&b);
		sb_fini(&out);
	}
}
