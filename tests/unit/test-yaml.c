/* SPDX-License-Identifier: BSD-2-Clause */

/* The YAML tree: what is let in, with its places, and what is not. */

#include <errno.h>

#include "base/mem.h"
#include "config/yaml.h"
#include "test.h"

static struct yaml_tree *parse(const char *text, size_t len, struct config_faults *faults)
{
	struct yaml_tree *tree = NULL;
	int r = yaml_tree_parse("f", text, len, &tree, faults);

	CHECK_INT(r, tree ? 0 : -EINVAL);
	return tree;
}

static struct yaml_tree *parse_good(const char *text)
{
	struct config_faults faults = {0};
	struct yaml_tree *tree = parse(text, strlen(text), &faults);

	CHECK_TEXT(buf_text(&faults.text), "");
	config_faults_done(&faults);
	return tree;
}

/* Check that @text leaves no tree, with @want said of it. */
static void check_refused(const char *text, size_t len, const char *want)
{
	struct config_faults faults = {0};

	CHECK(!parse(text, len, &faults));
	CHECK_TEXT(buf_text(&faults.text), want);
	config_faults_done(&faults);
}

/* Check that the value of key `a` in @text is broken, with @want said of it. */
static void check_broken(const char *text, size_t len, bool broken, const char *want)
{
	struct config_faults faults = {0};
	struct yaml_tree *tree = parse(text, len, &faults);
	const struct yaml_node *node;

	CHECK_TEXT(buf_text(&faults.text), want);
	config_faults_done(&faults);
	REQUIRE(tree && tree->root);
	node = yaml_node_get(tree->root, "a");
	REQUIRE(node != NULL);
	CHECK_INT(node->broken, broken);
	yaml_tree_free(tree);
}

static void check_place(const struct yaml_node *node, unsigned line, unsigned column)
{
	CHECK_INT(node->line, line);
	CHECK_INT(node->column, column);
}

static void kinds_keys_and_places_are_kept(void)
{
	_cleanup_(yaml_tree_freep) struct yaml_tree *tree =
		parse_good("# comment\na: x\nb: [1, 'two']\nc:\n  d: {}\n");
	const struct yaml_node *root, *node;

	REQUIRE(tree && tree->root);
	root = tree->root;
	CHECK_INT(root->kind, YAML_MAPPING);
	CHECK(!root->key);
	CHECK_INT(root->n, 3);
	CHECK_INT(tree->n, 7);
	node = root->first;
	CHECK_TEXT(node->key, "a");
	CHECK_INT(node->key_line, 2);
	CHECK_INT(node->key_column, 1);
	CHECK_INT(node->kind, YAML_SCALAR);
	CHECK_TEXT(node->text, "x");
	check_place(node, 2, 4);
	node = node->next;
	CHECK_TEXT(node->key, "b");
	CHECK_INT(node->kind, YAML_SEQUENCE);
	CHECK_INT(node->n, 2);
	CHECK_TEXT(node->first->text, "1");
	CHECK(node->first->plain && !node->first->key);
	CHECK_TEXT(node->last->text, "two");
	CHECK(!node->last->plain);
	check_place(node->last, 3, 8);
	CHECK(node->next == root->last && !root->last->next);
	node = yaml_node_get(root->last, "d");
	REQUIRE(node != NULL);
	CHECK_INT(node->kind, YAML_MAPPING);
	CHECK_INT(node->n, 0);
	check_place(node, 5, 6);
	CHECK(!yaml_node_get(root, "d"));
}

static void columns_count_characters(void)
{
	_cleanup_(yaml_tree_freep) struct yaml_tree *tree =
		parse_good("\xef\xbb\xbf\xc3\xa4\xe2\x82\xac: b\n");

	REQUIRE(tree && tree->root && tree->root->first);
	CHECK_TEXT(tree->root->first->key, "\xc3\xa4\xe2\x82\xac");
	CHECK_INT(tree->root->first->column - tree->root->first->key_column, 4);
}

static void file_without_content_has_no_root(void)
{
	static const char *const texts[] = {"", "\n", "# only this\n", "%YAML 1.1\n---\n...\n"};

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct yaml_tree *tree = parse_good(texts[i]);

		REQUIRE(tree != NULL);
		CHECK(!tree->root || yaml_node_is_empty(tree->root));
		yaml_tree_free(tree);
	}
}

static void empty_values_are_known(void)
{
	static const struct {
		const char *text;
		bool empty;
	} cases[] = {{"a:", true}, {"a: ~", true}, {"a: null", true}, {"a: NULL", true},
		{"a: ''", true}, {"a: 'null'", false}, {"a: nULL", false}, {"a: []", false},
		{"a: 0", false}};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct yaml_tree *tree = parse_good(cases[i].text);

		REQUIRE(tree && tree->root);
		CHECK_INT(yaml_node_is_empty(yaml_node_get(tree->root, "a")), cases[i].empty);
		yaml_tree_free(tree);
	}
}

#define BROKEN(text, broken, want) check_broken(text, sizeof(text) - 1, broken, want)
#define REFUSED(text, want)        check_refused(text, sizeof(text) - 1, want)

static void aliases_are_refused(void)
{
	BROKEN("a: *x\nb: c\n", true,
		"f:1:4: alias, which is not allowed: write the value out, and quote a text that "
		"begins with *\n");
	REFUSED("*x : a\n",
		"f:1:1: alias, which is not allowed: write the value out, and quote a "
		"text that begins with *\n");
}

static void anchors_are_refused(void)
{
#define IS_ANCHOR \
	"anchor, which is not allowed: write the value where it is needed, and quote a text " \
	"that begins with &\n"
	BROKEN("a: &x b\n", true, "f:1:4: " IS_ANCHOR);
	BROKEN("a: &x [b]\n", false, "f:1:4: " IS_ANCHOR);
	BROKEN("&k a: b\n", false, "f:1:1: " IS_ANCHOR);
}

static void tags_are_refused(void)
{
#define IS_TAG \
	"tag, which is not allowed: write the value alone, and quote a text that begins with !\n"
	BROKEN("a: !!str b\n", true, "f:1:4: " IS_TAG);
	BROKEN("a: !x {b: c}\n", false, "f:1:4: " IS_TAG);
	BROKEN("a: &y !!int 5\n", true, "f:1:4: " IS_ANCHOR "f:1:4: " IS_TAG);
}

static void merge_keys_are_refused(void)
{
	struct config_faults faults = {0};
	_cleanup_(yaml_tree_freep) struct yaml_tree *tree =
		parse("a:\n  <<: {b: c}\n", 16, &faults);

	CHECK_TEXT(buf_text(&faults.text),
		"f:2:3: merge key <<, which is not allowed: write the keys out\n");
	config_faults_done(&faults);
	REQUIRE(tree != NULL);
	CHECK(tree->root->first->first->broken);
}

static void second_document_is_refused(void)
{
	REFUSED("a: b\n---\nc: d\n",
		"f:2:1: a second document, allowed is one: leave out the line ---\n");
	REFUSED("a: b\n...\n---\n",
		"f:3:1: a second document, allowed is one: leave out the line ---\n");
}

static void keys_are_text(void)
{
	REFUSED("? [a, b]\n: c\n", "f:1:3: a key that is not plain text, allowed is a name\n");
	REFUSED("{{a: b}: c}\n", "f:1:2: a key that is not plain text, allowed is a name\n");
	REFUSED("\"a\\0\": b\n", "f:1:1: a key that is not plain text, allowed is a name\n");
}

static void nul_in_a_text_is_refused(void)
{
	BROKEN("a: \"b\\0c\"\n", true, "f:1:4: text with a NUL character, which is not allowed\n");
}

static void what_is_not_utf8_is_refused_with_its_place(void)
{
	REFUSED("a: b\n\xc3\xa4: \xff\n", "f:2:4: not UTF-8 text: invalid leading UTF-8 octet\n");
	REFUSED("a: \xc3", "f:1:4: not UTF-8 text: incomplete UTF-8 octet sequence\n");
	REFUSED("a: \0b\n", "f:1:4: not UTF-8 text: control characters are not allowed\n");
	REFUSED("\xff\xfe"
		"a\0:\0",
		"f:1:1: not UTF-8 text: invalid leading UTF-8 octet\n");
}

static void what_is_not_yaml_is_refused_with_its_place(void)
{
	REFUSED("a: b\n c: d\n",
		"f:2:3: not YAML: mapping values are not allowed in this context\n");
	REFUSED("a: [b\n",
		"f:2:1: not YAML: while parsing a flow sequence: did not find expected "
		"',' or ']'\n");
	REFUSED("a: @b\n",
		"f:1:4: not YAML: while scanning for the next token: found "
		"character that cannot start any token\n");
}

static void a_tab_in_the_indentation_is_refused_as_such(void)
{
	REFUSED("a:\n\tb: c\n", "f:2:1: a tab, which is not allowed for indentation: use blanks\n");
	REFUSED("\xc3\xa4:\n  b:\n  \tc: d\n",
		"f:3:3: a tab, which is not allowed for indentation: use blanks\n");
	REFUSED("\ta: b\n", "f:1:1: a tab, which is not allowed for indentation: use blanks\n");
	REFUSED("a:\t@b\n",
		"f:1:4: not YAML: while scanning for the next token: found "
		"character that cannot start any token\n");
}

static void depth_is_bounded(void)
{
	struct yaml_tree *tree = parse_good("[[[[[[[[a]]]]]]]]");

	CHECK(tree != NULL);
	yaml_tree_free(tree);
	REFUSED("[[[[[[[[[a]]]]]]]]]", "f:1:9: nested too deep, allowed are 8 levels\n");
}

static void size_is_bounded(void)
{
	size_t len = CONFIG_SIZE_MAX + 1;
	char *text = mem_alloc(len);
	struct config_faults faults = {0};
	struct yaml_tree *tree;

	REQUIRE(text != NULL);
	memset(text, '\n', len);
	tree = parse(text, CONFIG_SIZE_MAX, &faults);
	CHECK(tree != NULL);
	yaml_tree_free(tree);
	check_refused(text, len, "f: 1048577 bytes long, allowed are 1048576\n");
	mem_free(text);
}

static void number_of_values_is_bounded(void)
{
	struct buf b = BUF(CONFIG_SIZE_MAX);
	struct yaml_tree *tree;

	for (unsigned i = 1; i < YAML_NODES_MAX; i++)
		(void)buf_add_text(&b, "- a\n");
	tree = parse_good(buf_text(&b));
	CHECK(tree && tree->n == YAML_NODES_MAX);
	yaml_tree_free(tree);
	(void)buf_add_text(&b, "- a\n");
	check_refused(buf_text(&b), b.len,
		"f:131072:3: too many values, allowed are 131072 in one file\n");
	buf_done(&b);
}

static size_t allocations_left;

static bool fail_when_used_up(size_t size)
{
	(void)size;
	return allocations_left == 0 || allocations_left-- == 0;
}

static void want_of_memory_is_told(void)
{
	static const char text[] = "a: [b, {c: d}]\ne: f\n";
	int r = -ENOMEM;

	for (size_t n = 0; r == -ENOMEM; n++) {
		struct config_faults faults = {0};
		struct yaml_tree *tree = NULL;

		allocations_left = n;
		mem_set_failure(fail_when_used_up);
		r = yaml_tree_parse("f", text, sizeof(text) - 1, &tree, &faults);
		mem_set_failure(NULL);
		CHECK((r == 0) == (tree != NULL));
		CHECK(n > 12 || r != 0); /* 7 nodes, 4 texts, 3 keys */
		yaml_tree_free(tree);
		config_faults_done(&faults);
	}
	CHECK_INT(r, 0);
}

static const struct test tests[] = {
	{"kinds, keys and places are kept", kinds_keys_and_places_are_kept},
	{"columns count characters", columns_count_characters},
	{"a file without content has no root", file_without_content_has_no_root},
	{"empty values are known", empty_values_are_known},
	{"aliases are refused", aliases_are_refused},
	{"anchors are refused", anchors_are_refused},
	{"tags are refused", tags_are_refused},
	{"merge keys are refused", merge_keys_are_refused},
	{"a second document is refused", second_document_is_refused},
	{"keys are text", keys_are_text},
	{"NUL in a text is refused", nul_in_a_text_is_refused},
	{"what is not UTF-8 is refused with its place", what_is_not_utf8_is_refused_with_its_place},
	{"a tab in the indentation is refused as such",
		a_tab_in_the_indentation_is_refused_as_such},
	{"what is not YAML is refused with its place", what_is_not_yaml_is_refused_with_its_place},
	{"depth is bounded", depth_is_bounded},
	{"size is bounded", size_is_bounded},
	{"the number of values is bounded", number_of_values_is_bounded},
	{"a want of memory is told", want_of_memory_is_told},
};

TEST_MAIN(tests)
