/* Regular expressions: those of XPath, and none of what only PCRE2 knows. */
#include "golden.h"

TEST(matches_as_xpath_does)
{
	static const struct golden g[] = {
	        {"matches(\"foobar\", \"^fo*b\")", "true"},
	        {"matches(\"abracadabra\", \"bra\")", "true"},
	        {"matches(\"abracadabra\", \"^a.*a$\")", "true"},
	        {"matches(\"abracadabra\", \"^bra\")", "false"},
	        {"matches(\"a\\nb\", \"a.b\")", "false"},
	        {"matches(\"a\\nb\", \"a.b\", \"s\")", "true"},
	        {"matches(\"a\\nb\", \"^b$\", \"m\")", "true"},
	        {"matches(\"helloworld\", \"hello world\", \"x\")", "true"},
	        {"matches(\"helloworld\", \"hello[ ]world\", \"x\")", "false"},
	        {"matches(\"hello world\", \"hello\\ sworld\", \"x\")", "true"},
	        {"matches(\"abc\", \"\\p{L}+\")", "true"},
	        {"matches(\"Ⅷ\", \"\\p{Nl}\")", "true"},
	        {"matches(\"é\", \"^\\p{Ll}$\")", "true"},
	        {"matches(\"x\", \"\\p{IsBasicLatin}\")", "true"},
	        {"matches(\"é\", \"\\p{IsBasicLatin}\")", "false"},
	        {"matches(\"x\", \"\\P{IsBasicLatin}\")", "false"},
	        {"matches(\"a1\", \"^\\i\\c*$\")", "true"},
	        {"matches(\"1a\", \"^\\i\\c*$\")", "false"},
	        {"matches(\"h\", \"[\\w-[f]]\")", "true"},
	        {"matches(\"abcd\", \"(ab)c\\1\")", "false"},
	        {"matches(\"abab\", \"(ab)\\1\")", "true"},
	        {"matches(\"aba\", \"(?:a)(b)a\")", "true"},
	        {"matches(\"abc\", \"a(?=b)\")", "null"},
	        {"matches(\"abc\", \"[[:alpha:]]\")", "null"},
	        {"matches(\"abc\", \"\\Qabc\\E\")", "null"},
	        {"matches(\"abc\", \"a++\")", "null"},
	        {"matches(\"abc\", \"(?i)A\")", "null"},
	        {"matches(\"abc\", \"\\bb\")", "null"},
	        {"matches(\"abc\", \"abc\", \"g\")", "null"},
	        {"matches(\"abc\", \"[b-a]\")", "null"},
	        {"matches(\"abc\", \"a{,2}\")", "null"},
	        {"matches(\"aa\", \"^a{2}$\")", "true"},
	        {"matches(\"\", \"\")", "true"},
	        {"matches(null, \"a\")", "null"},
	        {"matches(\"a\", null)", "null"},
	        {"matches(\"-\", \"[a-]\")", "true"},
	        {"matches(\"^\", \"[\\^]\")", "true"},
	        {"matches(\"]\", \"[\\]]\")", "true"},
	        {"matches(\"a\", \"[^b]\")", "true"},
	        {"matches(\"b\", \"[^b-[a]]\")", "false"},
	        {"matches(\"a\", \"\\d\")", "false"},
	        {"matches(\"٣\", \"\\d\")", "true"},
	        {"matches(\"a$b\", \"a\\$b\")", "true"},
	        {"matches(\"$\", \"$\")", "true"},
	};

	goldens(g, ARRAY_LEN(g));
}

TEST(replaces_as_xpath_does)
{
	static const struct golden g[] = {
	        {"replace(\"abcd\", \"(ab)|(a)\", \"[1=$1][2=$2]\")", "[1=ab][2=]cd"},
	        {"replace(\"abracadabra\", \"bra\", \"*\")", "a*cada*"},
	        {"replace(\"abracadabra\", \"a.*a\", \"*\")", "*"},
	        {"replace(\"abracadabra\", \"a.*?a\", \"*\")", "*c*bra"},
	        {"replace(\"abracadabra\", \"a\", \"\")", "brcdbr"},
	        {"replace(\"abracadabra\", \"a(.)\", \"a$1$1\")", "abbraccaddabbra"},
	        {"replace(\"AAAA\", \"A+\", \"b\")", "b"},
	        {"replace(\"AAAA\", \"A+?\", \"b\")", "bbbb"},
	        {"replace(\"darted\", \"^(.*?)d(.*)$\", \"$1c$2\")", "carted"},
	        {"replace(\"abracadabra\", \".*?\", \"$1\")", "null"},
	        {"replace(\"hello\", \"L\", \"x\", \"i\")", "hexxo"},
	        {"replace(\"a\\b\\c\", \"\\\\\", \"/\", \"q\")", "a/b/c"},
	        {"replace(\"abc\", \"b\", \"$0$0\")", "abbc"},
	        {"replace(\"abc\", \"[a-z]\", \"#\", \"\")", "###"},
	        {"replace(\"abc\", null, \"#\")", "null"},
	};

	goldens(g, ARRAY_LEN(g));
}
