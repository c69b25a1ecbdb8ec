/* SPDX-License-Identifier: BSD-2-Clause */

/* JSON: what is refused though cJSON would take it, how trees are read and built. */

#include <errno.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/mem.h"
#include "test.h"

static size_t freed, residue, allowed;

static void witness(const void *p, size_t size)
{
	const unsigned char *bytes = p;

	freed++;
	for (size_t i = 0; i < size; i++)
		residue += bytes[i] != 0;
}

static bool refuse_after_allowed(size_t size)
{
	(void)size;
	return allowed == 0 || allowed-- == 0;
}

/* Parses what has to be valid. */
static struct json *parsed(const char *text)
{
	struct fault f = {0};
	struct json *j = NULL;

	CHECK_INT(json_parse(text, strlen(text), &j, &f), 0);
	CHECK_TEXT(f.detail, "");
	REQUIRE(j);
	return j;
}

static int parse_bytes(const char *text, size_t len, struct fault *f)
{
	struct json *j = NULL;
	const int r = json_parse(text, len, &j, f);

	if (r == 0)
		j = json_free(j);
	CHECK(!j);
	return r;
}

static void check_refused(const char *text)
{
	struct fault f = {0};

	if (parse_bytes(text, strlen(text), &f) != -EBADMSG)
		TEST_FAIL("taken: %s", text);
	CHECK_INT(f.kind, FAULT_PROTOCOL);
	CHECK(strncmp(f.detail, "not valid JSON: ", 16) == 0);
	CHECK_INT(parse_bytes(text, strlen(text), NULL), -EBADMSG);
}

static void check_print(const char *text, const char *printed)
{
	_cleanup_(json_freep) struct json *j = parsed(text);
	_cleanup_(mem_freep) char *have = json_print(j, false);

	CHECK_TEXT(have, printed);
}

static void valid_texts_are_taken(void)
{
	static const char *const pairs[][2] = {
		{"{}", "{}"},
		{" [ ]\r\n\t", "[]"},
		{"null", "null"},
		{"true", "true"},
		{" false ", "false"},
		{"\"\"", "\"\""},
		{"0", "0"},
		{"-12.5e+1", "-125"},
		{"1E2", "100"},
		{"{\"a\":[1,{\"b\":null}],\"c\":\"d\"}", "{\"a\":[1,{\"b\":null}],\"c\":\"d\"}"},
		{"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\""},
		{"\"\\u00e9\\uD83D\\ude00\"", "\"\xc3\xa9\xf0\x9f\x98\x80\""},
		{"\"\xc3\xa9\x7f\"", "\"\xc3\xa9\x7f\""},
		{"{\"\":1}", "{\"\":1}"},
		{"\xef\xbb\xbf"
		 "0",
			"0"},
		{"\xef\xbb\xbf{}", "{}"}, /* a byte order mark may be ignored */
		{"[1e308,-1e308,1e-400]", "[1e+308,-1e+308,0]"},
	};

	for (size_t i = 0; i < ELEMENTS(pairs); i++)
		check_print(pairs[i][0], pairs[i][1]);
}

static void what_is_no_json_is_refused(void)
{
	static const char *const bad[] = {"", " ", "\xef\xbb\xbf", "\xef\xbb\xbf\xef\xbb\xbf{}",
		"{", "}", "[", "]", "{]", "[}", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1,,2]",
		"{\"a\"", "{\"a\":", "{\"a\":}", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}",
		"{\"a\" 1}", "{a:1}", "{1:1}", "{'a':1}", "{\"a\":1]", "nul", "nulll", "True",
		"NaN", "Infinity", "undefined", "\"", "\"a", "'a'", "+1", "-", "01", "-01", "1.",
		".5", "-.5", "1.e5", "1e", "1e+", "0x10", "1_0", "/**/1", "<html>", "\"a\nb\"",
		"\"\t\"", "\"\\x41\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\", "\"\\u",
		"access_token=abc"};

	for (size_t i = 0; i < ELEMENTS(bad); i++)
		check_refused(bad[i]);
}

static void trailing_bytes_are_refused(void)
{
	static const char *const bad[] = {
		"{}x", "{} {}", "{},", "1 2", "\"a\"\"b\"", "nullnull", "[]]"};

	for (size_t i = 0; i < ELEMENTS(bad); i++)
		check_refused(bad[i]);
	CHECK_INT(parse_bytes("{}\0", 3, NULL), -EBADMSG);
	CHECK_INT(parse_bytes("{}\0garbage", 10, NULL), -EBADMSG);
}

static void nul_in_a_string_is_refused(void)
{
	check_refused("\"admin\\u0000.evil\"");
	check_refused("{\"access_token\\u0000x\":1}");
	CHECK_INT(parse_bytes("\"a\0b\"", 5, NULL), -EBADMSG);
	check_print("\"\\\\u0000\"", "\"\\\\u0000\""); /* a backslash, then letters */
	check_print("\"\\u0001\"", "\"\\u0001\"");
}

static void invalid_utf8_is_refused(void)
{
	check_refused("\"\xff\"");
	check_refused("\"\xc0\x80\"");
	check_refused("\"\xed\xa0\x80\"");
	check_refused("\"\xe2\x82\"");
	check_refused("{\"\xfe\":1}");
	check_refused("\xff");
	check_refused("\"\\ud800\"");
	check_refused("\"\\ud800x\"");
	check_refused("\"\\ud800\\n\"");
	check_refused("\"\\ud800\\u0041\"");
	check_refused("\"\\udc00\\ud800\"");
}

static void numbers_beyond_a_double_are_refused(void)
{
	check_refused("1e400");
	check_refused("{\"expires_in\":-1e400}");
	check_refused("[[1],[2,[3,1e999]]]");
	check_refused("1000000000000000000000000000000000000000000000000000000000000000");
	check_print("100000000000000000000000000000000000000000000000000000000000000", "1e+62");
}

static void duplicate_keys_are_refused(void)
{
	check_refused("{\"a\":1,\"a\":1}");
	check_refused("{\"a\":1,\"b\":2,\"a\":3}");
	check_refused("{\"a\":1,\"\\u0061\":2}");
	check_refused("[{\"x\":{\"sub\":1,\"iss\":2,\"sub\":3}}]");
	check_refused("{\"x\":{\"a\":1},\"y\":[0,{\"b\":1,\"b\":1}]}");
	check_print("{\"a\":{\"a\":{\"a\":1}},\"A\":2}", "{\"a\":{\"a\":{\"a\":1}},\"A\":2}");
}

static void faults_never_show_the_content(void)
{
	static const char *const bad[] = {"{\"access_token\":\"opensesame\"", "\"opensesame\xff\"",
		"{\"opensesame\":1,\"opensesame\":2}", "opensesame"};

	for (size_t i = 0; i < ELEMENTS(bad); i++) {
		struct fault f = {0};

		CHECK_INT(parse_bytes(bad[i], strlen(bad[i]), &f), -EBADMSG);
		CHECK(!strstr(f.detail, "opensesame"));
	}
}

/* @open and @close @depth times around @inner. */
static int parse_nested(const char *open, const char *inner, const char *close, size_t depth)
{
	struct buf b = BUF(10 << 20);
	int r;

	for (size_t i = 0; i < depth; i++)
		(void)buf_add_text(&b, open);
	(void)buf_add_text(&b, inner);
	for (size_t i = 0; i < depth; i++)
		(void)buf_add_text(&b, close);
	CHECK_INT(b.error, 0);
	r = parse_bytes(buf_text(&b), b.len, NULL);
	buf_done(&b);
	return r;
}

static void depth_is_bounded(void)
{
	CHECK_INT(parse_nested("[", "1", "]", JSON_DEPTH_MAX), 0);
	CHECK_INT(parse_nested("[", "", "]", JSON_DEPTH_MAX), 0);
	CHECK_INT(parse_nested("{\"a\":", "{}", "}", JSON_DEPTH_MAX - 1), 0);
	CHECK_INT(parse_nested("[", "", "]", JSON_DEPTH_MAX + 1), -EBADMSG);
	CHECK_INT(parse_nested("{\"a\":", "{}", "}", JSON_DEPTH_MAX), -EBADMSG);
	CHECK_INT(parse_nested("[", "", "", 1 << 20), -EBADMSG);
}

/* An object of 100,000 members, the last of them @last. */
static int parse_large(const char *last)
{
	struct buf b = BUF(4 << 20);
	int r;

	(void)buf_add_char(&b, '{');
	for (int i = 0; i < 99999; i++)
		(void)buf_printf(&b, "\"k%d\":%d,", i, i);
	(void)buf_printf(&b, "\"%s\":1}", last);
	CHECK_INT(b.error, 0);
	r = parse_bytes(buf_text(&b), b.len, NULL);
	buf_done(&b);
	return r;
}

static void a_hundred_thousand_members_are_checked(void)
{
	CHECK_INT(parse_large("last"), 0);
	CHECK_INT(parse_large("k500"), -EBADMSG);
}

static void keys_are_found_exactly(void)
{
	_cleanup_(json_freep) struct json *j =
		parsed("{\"Access_Token\":\"a\",\"access_token\":\"b\",\"n\":1}");

	CHECK_TEXT(json_get_text(j, "access_token"), "b");
	CHECK_TEXT(json_get_text(j, "Access_Token"), "a");
	CHECK(!json_get(j, "ACCESS_TOKEN"));
	CHECK(!json_get(j, "access_toke"));
	CHECK(!json_get_text(j, "n"));
	CHECK(!json_get(NULL, "n"));
	CHECK(!json_get(json_get(j, "n"), "n"));
}

static void values_have_one_type(void)
{
	_cleanup_(json_freep) struct json *j = parsed("[null,true,false,1,\"x\",[],{}]");
	static const enum json_type types[] = {
		JSON_NULL, JSON_BOOL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT};

	CHECK_INT(json_count(j), ELEMENTS(types));
	for (size_t i = 0; i < ELEMENTS(types); i++) {
		CHECK_INT(json_type(json_at(j, i)), types[i]);
		for (size_t type = JSON_NULL; type <= JSON_OBJECT; type++)
			CHECK_INT(json_is(json_at(j, i), (enum json_type)type), types[i] == type);
	}
	CHECK(!json_at(j, ELEMENTS(types)));
	CHECK(!json_at(json_at(j, 6), 0));
	CHECK(!json_at(NULL, 0));
	CHECK(!json_is(NULL, JSON_NULL));
}

static void other_types_give_no_value(void)
{
	_cleanup_(json_freep) struct json *j =
		parsed("{\"b\":true,\"n\":2.5,\"t\":\"x\",\"z\":null}");
	bool flag = false;
	double number = 77;
	uint64_t whole = 77;

	CHECK(json_bool(json_get(j, "b"), &flag) && flag);
	CHECK(!json_bool(json_get(j, "n"), &flag));
	CHECK(!json_bool(json_get(j, "z"), &flag));
	CHECK(!json_bool(NULL, &flag));
	CHECK(!json_number(json_get(j, "t"), &number) && !json_number(NULL, &number));
	CHECK(!json_u64(json_get(j, "n"), &whole) && !json_u64(json_get(j, "t"), &whole));
	CHECK(!json_u64(NULL, &whole));
	CHECK(number > 76 && number < 78 && whole == 77);
	CHECK(json_number(json_get(j, "n"), &number) && number > 2.4 && number < 2.6);
	CHECK(!json_text(json_get(j, "z")) && !json_text(json_get(j, "b")) && !json_text(NULL));
	CHECK_INT(json_count(NULL), 0);
	CHECK_INT(json_count(json_get(j, "t")), 0);
}

static void whole_numbers_go_up_to_two_to_53(void)
{
	_cleanup_(json_freep) struct json *j = parsed("[0,-0,3600,3.6e3,9007199254740991,"
						      "9007199254740992,9007199254740994,-1,0.5,"
						      "1e30,4294967296]");
	static const struct {
		bool taken;
		uint64_t value;
	} want[] = {{true, 0}, {true, 0}, {true, 3600}, {true, 3600},
		{true, UINT64_C(9007199254740991)}, {true, UINT64_C(9007199254740992)}, {false, 0},
		{false, 0}, {false, 0}, {false, 0}, {true, UINT64_C(4294967296)}};

	CHECK_INT(json_count(j), ELEMENTS(want));
	for (size_t i = 0; i < ELEMENTS(want); i++) {
		uint64_t value = 0;

		CHECK_INT(json_u64(json_at(j, i), &value), want[i].taken);
		CHECK_INT(value, want[i].value);
	}
}

static void children_come_in_order(void)
{
	_cleanup_(json_freep) struct json *j = parsed("{\"b\":[10,20],\"a\":1}");
	const struct json *member = json_next(j, NULL), *element;
	double number = 0;

	CHECK_TEXT(json_key(member), "b");
	element = json_next(member, NULL);
	CHECK(json_number(element, &number) && number > 9 && number < 11);
	CHECK(!json_key(element));
	element = json_next(member, element);
	CHECK(json_number(element, &number) && number > 19 && number < 21);
	CHECK(!json_next(member, element));
	member = json_next(j, member);
	CHECK_TEXT(json_key(member), "a");
	CHECK(!json_next(member, NULL));
	CHECK(!json_next(j, member));
	CHECK(!json_next(NULL, NULL));
	CHECK(!json_key(NULL));
}

static struct json *built(void)
{
	_cleanup_(json_freep) struct json *object = json_new_object();
	_cleanup_(json_freep) struct json *array = json_new_array();

	if (json_append(array, json_new_u64(5)) < 0 || json_append(array, json_new_null()) < 0 ||
		json_append(array, json_new_bool(false)) < 0 ||
		json_add(object, "name", json_new_text("a\"b\n")) < 0 ||
		json_add(object, "none", json_new_text(NULL)) < 0 ||
		json_add(object, "ready", json_new_bool(true)) < 0 ||
		json_add(object, "list", json_copy(array)) < 0 ||
		json_add(object, "moved", steal(array)) < 0)
		return NULL;
	return steal(object);
}

static void trees_are_built_and_printed(void)
{
	_cleanup_(json_freep) struct json *j = built();
	_cleanup_(json_freep) struct json *copy = json_copy(j);
	_cleanup_(mem_freep) char *compact = json_print(j, false);
	_cleanup_(mem_freep) char *copied = json_print(copy, false);
	_cleanup_(mem_freep) char *pretty = json_print(j, true);
	static const char want[] = "{\"name\":\"a\\\"b\\n\",\"none\":null,\"ready\":true,"
				   "\"list\":[5,null,false],\"moved\":[5,null,false]}";
	struct json *back = NULL;

	CHECK_TEXT(compact, want);
	CHECK_TEXT(copied, want);
	REQUIRE(pretty);
	CHECK(strchr(pretty, '\n'));
	REQUIRE(json_parse(pretty, strlen(pretty), &back, NULL) == 0);
	mem_free(compact);
	compact = json_print(back, false);
	CHECK_TEXT(compact, want);
	json_free(back);
}

static void large_numbers_are_built_exactly_or_clamped(void)
{
	static const uint64_t values[][2] = {{0, 0}, {4294967295, 4294967295},
		{UINT64_C(9007199254740991), UINT64_C(9007199254740991)},
		{UINT64_C(9007199254740993), UINT64_C(9007199254740992)},
		{UINT64_MAX, UINT64_C(9007199254740992)}};

	for (size_t i = 0; i < ELEMENTS(values); i++) {
		_cleanup_(json_freep) struct json *j = json_new_u64(values[i][0]);
		_cleanup_(mem_freep) char *text = json_print(j, false);
		_cleanup_(json_freep) struct json *back = parsed(text);
		uint64_t value = 77;

		CHECK(json_u64(back, &value));
		CHECK_INT(value, values[i][1]);
	}
}

static void large_numbers_survive_parse_copy_and_print(void)
{
	_cleanup_(json_freep) struct json *j =
		parsed("{\"id\":9007199254740991,\"n\":-1234567890123456,"
		       "\"e\":1e15,\"small\":999999999999999}");
	_cleanup_(json_freep) struct json *copy = json_copy(j);
	_cleanup_(mem_freep) char *text = json_print(copy, false);
	uint64_t value = 0;

	CHECK_TEXT(text,
		"{\"id\":9007199254740991,\"n\":-1234567890123456,"
		"\"e\":1000000000000000,\"small\":999999999999999}");
	CHECK(json_is(json_get(copy, "id"), JSON_NUMBER));
	CHECK(json_u64(json_get(copy, "id"), &value));
	CHECK_INT(value, UINT64_C(9007199254740991));
}

static void built_text_is_always_utf8(void)
{
	_cleanup_(json_freep) struct json *j =
		json_new_text("a\xff\xe2\x82\xac\xe2\x82\x1b\xc0\x80");
	_cleanup_(mem_freep) char *text = json_print(j, false);

	CHECK_TEXT(json_text(j), "a?\xe2\x82\xac??\x1b??");
	CHECK_TEXT(text, "\"a?\xe2\x82\xac??\\u001b??\"");
}

static void a_failed_builder_nests(void)
{
	_cleanup_(json_freep) struct json *object = json_new_object();
	_cleanup_(json_freep) struct json *array = json_new_array();

	CHECK_INT(json_add(object, "a", NULL), -ENOMEM);
	CHECK_INT(json_append(array, NULL), -ENOMEM);
	CHECK_INT(json_add(NULL, "a", json_new_text("freed")), -ENOMEM);
	CHECK_INT(json_append(NULL, json_new_text("freed")), -ENOMEM);
	CHECK_INT(json_count(object), 0);
	CHECK_INT(json_count(array), 0);
	CHECK(!json_copy(NULL));
}

/* Run @work with ever more allocations allowed, until none fails. */
static void starve(bool (*work)(void))
{
	bool done = false;

	for (size_t n = 0; !done; n++) {
		allowed = n;
		mem_set_failure(refuse_after_allowed);
		done = work();
		mem_set_failure(NULL);
		REQUIRE(n < 1000);
	}
}

static bool parse_something(void)
{
	static const char text[] =
		"{\"a\":[1,\"x\",{\"b\":null,\"c\":true}],\"d\":9007199254740991}";
	struct fault f = {0};
	const int r = parse_bytes(text, strlen(text), &f);

	CHECK(r == 0 || r == -ENOMEM);
	CHECK_INT(f.kind, FAULT_NONE);
	return r == 0;
}

static bool build_something(void)
{
	_cleanup_(json_freep) struct json *j = built();
	_cleanup_(mem_freep) char *text = j ? json_print(j, false) : NULL;

	return text != NULL;
}

static void short_memory_is_told_wherever_it_strikes(void)
{
	starve(parse_something);
	starve(build_something);
}

static void every_value_is_wiped_when_freed(void)
{
	struct json *j = parsed("{\"access_token\":\"opensesame\",\"list\":[\"x\",\"\\u00e9\"]}");
	char *text;

	freed = 0;
	residue = 0;
	mem_set_witness(witness);
	text = json_print(j, true);
	mem_free(text);
	json_free(j);
	mem_set_witness(NULL);
	CHECK(freed >= 5 + 2 + 3 + 1); /* five nodes, two keys, three texts, the print */
	CHECK_INT(residue, 0);
}

static const struct test tests[] = {
	{"valid texts are taken", valid_texts_are_taken},
	{"what is no JSON is refused", what_is_no_json_is_refused},
	{"trailing bytes are refused", trailing_bytes_are_refused},
	{"a NUL in a string is refused, escaped or not", nul_in_a_string_is_refused},
	{"invalid UTF-8 and half surrogate pairs are refused", invalid_utf8_is_refused},
	{"numbers beyond a double are refused", numbers_beyond_a_double_are_refused},
	{"duplicate keys are refused, also when one is escaped", duplicate_keys_are_refused},
	{"faults never show the content", faults_never_show_the_content},
	{"depth is bounded", depth_is_bounded},
	{"a hundred thousand members are taken, and a duplicate among them found",
		a_hundred_thousand_members_are_checked},
	{"keys are found exactly", keys_are_found_exactly},
	{"values have one type", values_have_one_type},
	{"other types give no value", other_types_give_no_value},
	{"whole numbers go up to 2^53", whole_numbers_go_up_to_two_to_53},
	{"children come in order", children_come_in_order},
	{"trees are built, copied and printed", trees_are_built_and_printed},
	{"large numbers are built exactly or clamped", large_numbers_are_built_exactly_or_clamped},
	{"large numbers survive parse, copy and print", large_numbers_survive_parse_copy_and_print},
	{"built text is always UTF-8", built_text_is_always_utf8},
	{"a failed builder nests and frees what it was given", a_failed_builder_nests},
	{"short memory is told wherever it strikes", short_memory_is_told_wherever_it_strikes},
	{"every value is wiped when freed", every_value_is_wiped_when_freed},
};

TEST_MAIN(tests)
