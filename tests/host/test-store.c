/* SPDX-License-Identifier: BSD-2-Clause */

/* The state directory and the secret files. What a crash or a failing disk leaves is told by
 * store-crash.py. */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "host/store.h"

#include "../unit/test.h"

static char directory[64];
static struct store *store;
static struct fault fault;

/* A path below the directory of this behaviour; good for the next calls. */
static const char *at(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static void begin(void)
{
	fault = (struct fault){.kind = FAULT_NONE};
	(void)snprintf(directory, sizeof(directory), "/tmp/test-store-XXXXXX");
	REQUIRE(mkdtemp(directory));
	REQUIRE(store_open(at("state"), &store, &fault) == 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void end(void)
{
	store = store_free(store);
	CHECK_INT(nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void reopen(void)
{
	store = store_free(store);
	REQUIRE(store_open(at("state"), &store, &fault) == 0);
}

static void file_of(const char *path, const void *data, size_t len, mode_t mode)
{
	int fd;

	(void)chmod(path, 0600); /* one of mode 0400 can't be written again */
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	REQUIRE(fd >= 0);
	REQUIRE(write(fd, data, len) == (ssize_t)len);
	REQUIRE(fchmod(fd, mode) == 0);
	(void)close(fd);
}

#define FILE_OF(path, text, mode) file_of(path, text, sizeof(text) - 1, mode)

static mode_t mode_of(const char *path)
{
	struct stat st = {.st_mode = 0};

	CHECK_INT(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* The record @name as text, or what reading it returned. */
static const char *record(const char *name)
{
	static char text[64];
	struct buf b = BUF(sizeof(text) - 1);
	int r = store_read(store, name, &b, &fault);

	(void)snprintf(text, sizeof(text), "%s", r < 0 ? strerrorname_np(-r) : buf_text(&b));
	buf_done(&b);
	return text;
}

#define CHECK_FAULT(what, says) \
	do { \
		CHECK_INT(fault.kind, what); \
		if (!strstr(fault.detail, says)) \
			TEST_FAIL("\"%s\" does not say \"%s\"", fault.detail, says); \
	} while (0)

static void replaced(void)
{
	begin();
	CHECK_TEXT(record("crm"), "ENOENT");
	CHECK_INT(fault.kind, FAULT_NONE);
	CHECK_INT(store_write(store, "crm", "first", 5, &fault), 0);
	CHECK_TEXT(record("crm"), "first");
	CHECK_INT(store_write(store, "crm", "2nd", 3, &fault), 0);
	CHECK_INT(store_write(store, "mail-1", "other", 5, &fault), 0);
	reopen();
	CHECK_TEXT(record("crm"), "2nd");
	CHECK_TEXT(record("mail-1"), "other");
	CHECK_INT(mode_of(at("state/crm.grant")), 0600);
	CHECK_INT(store_write(store, "crm", "", 0, &fault), 0);
	CHECK_TEXT(record("crm"), "");
	end();
}

static void large_records(void)
{
	const size_t size = 1024u * 1024;
	struct buf b = BUF(size);
	char *data = mem_alloc(size);

	begin();
	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i % 251);
	CHECK_INT(store_write(store, "crm", data, size, &fault), 0);
	CHECK_INT(store_read(store, "crm", &b, &fault), 0);
	CHECK(b.len == size && memcmp(b.data, data, size) == 0);
	b.max = size - 1;
	CHECK_INT(store_read(store, "crm", &b, &fault), -EMSGSIZE);
	CHECK_FAULT(FAULT_STORAGE, "crm.grant: it is too large");
	CHECK_INT(b.len, size); /* untouched */
	buf_done(&b);
	mem_free(data);
	end();
}

static void bad_names(void)
{
	static const char *const names[] = {"", "-a", ".", "..", "../x", "a/b", "A", "a.grant",
		"a b", "\xc3\xa4",
		"a123456789012345678901234567890123456789012345678901234567890123"};

	begin();
	for (size_t i = 0; i < ELEMENTS(names); i++) {
		CHECK_INT(store_write(store, names[i], "x", 1, &fault), -EINVAL);
		CHECK_TEXT(record(names[i]), "EINVAL");
		CHECK_INT(store_aside(store, names[i], NULL, &fault), -EINVAL);
	}
	CHECK_INT(store_write(store,
			  "a12345678901234567890123456789012345678901234567890123456789012", "x", 1,
			  &fault),
		0);
	end();
}

static void links_not_followed(void)
{
	begin();
	FILE_OF(at("outside"), "secret", 0600);
	REQUIRE(symlink(at("outside"), at("state/crm.grant")) == 0);
	CHECK_TEXT(record("crm"), "ELOOP");
	CHECK_FAULT(FAULT_STORAGE, "symbolic link");
	CHECK_INT(store_write(store, "crm", "new", 3, &fault), 0);
	CHECK_TEXT(record("crm"), "new"); /* the link was replaced, not what it led to */
	CHECK_INT(unlink(at("state/crm.grant")), 0);
	REQUIRE(symlink(at("outside"), at("state/.crm.grant.tmp")) == 0);
	CHECK_INT(store_write(store, "crm", "newer", 5, &fault), 0);
	CHECK_TEXT(record("crm"), "newer");
	CHECK_INT(unlink(at("state/crm.grant")), 0);
	REQUIRE(mkfifo(at("state/crm.grant"), 0600) == 0);
	CHECK_TEXT(record("crm"), "ENXIO");
	CHECK_FAULT(FAULT_STORAGE, "not a regular file");
	CHECK_INT(unlink(at("state/crm.grant")), 0);
	REQUIRE(mkdir(at("state/crm.grant"), 0700) == 0);
	CHECK_TEXT(record("crm"), "EISDIR");
	CHECK_INT(store_write(store, "crm", "x", 1, &fault), -EISDIR);
	CHECK_FAULT(FAULT_STORAGE, "cannot replace");
	CHECK(!exists(at("state/.crm.grant.tmp")));
	end();
}

static void leftovers(void)
{
	begin();
	CHECK_INT(store_write(store, "crm", "whole", 5, &fault), 0);
	FILE_OF(at("state/.crm.grant.tmp"), "hal", 0600);
	FILE_OF(at("state/.probe.tmp"), "hal", 0600);
	FILE_OF(at("state/.store.key.tmp"), "hal", 0600);
	FILE_OF(at("state/crm.unreadable-1"), "kept", 0600);
	FILE_OF(at("state/notes.tmp"), "kept", 0600);
	reopen();
	CHECK(!exists(at("state/.crm.grant.tmp")));
	CHECK(!exists(at("state/.probe.tmp")));
	CHECK(!exists(at("state/.store.key.tmp")));
	CHECK(exists(at("state/crm.unreadable-1")));
	CHECK(exists(at("state/notes.tmp")));
	CHECK_TEXT(record("crm"), "whole");
	end();
}

static void directories_made(void)
{
	struct store *other = NULL;
	mode_t before;

	begin();
	before = umask(0);
	CHECK_INT(store_open(at("a//b/./c/"), &other, &fault), 0);
	(void)umask(before);
	CHECK_INT(mode_of(at("a/b/c")), 0700);
	CHECK_INT(mode_of(at("a/b")), geteuid() == 0 ? 0755 : 0700);
	other = store_free(other);
	REQUIRE(symlink("a/b/c", at("link")) == 0); /* as DynamicUser= does */
	CHECK_INT(store_open(at("link"), &other, &fault), 0);
	store_free(other);
	end();
}

static void refused(const char *path, int want, const char *says)
{
	struct store *other = NULL;

	CHECK_INT(store_open(path, &other, &fault), want);
	CHECK(other == NULL);
	CHECK_FAULT(FAULT_STORAGE, says);
}

static void directories_refused(void)
{
	begin();
	REQUIRE(mkdir(at("open"), 0700) == 0);
	REQUIRE(chmod(at("open"), 0770) == 0);
	refused(at("open"), -EPERM, "run chmod go-w");
	REQUIRE(chmod(at("open"), 0702) == 0);
	refused(at("open"), -EPERM, "run chmod go-w");
	CHECK(!exists(at("open/.lock")));
	FILE_OF(at("file"), "", 0600);
	refused(at("file"), -ENOTDIR, "cannot make the state directory");
	refused(at("file/below"), -ENOTDIR, "Not a directory");
	REQUIRE(chmod(at("open"), 0700) == 0);
	if (geteuid() == 0)
		REQUIRE(chown(at("open"), 65534, 65534) == 0);
	refused(geteuid() == 0 ? at("open") : "/", -EPERM, "belongs to uid");
	end();
}

static void one_owner(void)
{
	char says[64];

	begin();
	(void)snprintf(says, sizeof(says), "(pid %d)", (int)getpid());
	refused(at("state"), -EBUSY, says);
	(void)close(open(at("state/.lock"), O_RDWR | O_CLOEXEC)); /* does not lose the lock */
	refused(at("state"), -EBUSY, says);
	FILE_OF(at("state/.lock"), "rubbish", 0600);
	refused(at("state"), -EBUSY, "another agent has the state directory");
	reopen();
	CHECK_INT(store_write(store, "crm", "x", 1, &fault), 0);
	end();
}

static void lock_dies_with_owner(void)
{
	int status = 0;
	pid_t pid;

	begin();
	store = store_free(store);
	pid = fork();
	if (pid == 0) {
		if (store_open(at("state"), &store, &fault) == 0)
			(void)raise(SIGKILL);
		_exit(1);
	}
	REQUIRE(waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status));
	CHECK_INT(store_open(at("state"), &store, &fault), 0);
	end();
}

static void proved(void)
{
	begin();
	CHECK_INT(store_prove(store, 100000, &fault), 0);
	CHECK(!exists(at("state/.probe.tmp")));
	REQUIRE(mkdir(at("state/.probe.tmp"), 0700) == 0);
	CHECK_INT(store_prove(store, 100, &fault), -EISDIR);
	CHECK_FAULT(FAULT_STORAGE, "cannot write");
	REQUIRE(rmdir(at("state/.probe.tmp")) == 0);
	end();
}

static void put_aside(void)
{
	struct buf name = BUF(100);

	begin();
	CHECK_INT(store_aside(store, "crm", &name, &fault), -ENOENT);
	CHECK_FAULT(FAULT_STORAGE, "cannot put aside");
	CHECK_INT(store_write(store, "crm", "one", 3, &fault), 0);
	CHECK_INT(store_aside(store, "crm", &name, &fault), 0);
	CHECK_TEXT(buf_text(&name), "crm.unreadable-1");
	CHECK_TEXT(record("crm"), "ENOENT");
	CHECK_INT(store_write(store, "crm", "two", 3, &fault), 0);
	FILE_OF(at("state/crm.unreadable-2"), "not ours", 0600);
	buf_done(&name);
	CHECK_INT(store_aside(store, "crm", &name, &fault), 0);
	CHECK_TEXT(buf_text(&name), "crm.unreadable-3");
	CHECK_INT(store_write(store, "crm", "three", 5, &fault), 0);
	CHECK_INT(store_aside(store, "crm", NULL, &fault), 0);
	CHECK(exists(at("state/crm.unreadable-4")));
	buf_done(&name);
	end();
}

/* 32 bytes 00 01 … 1f, and their forms by hand. */
#define KEY_HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY_64  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
/* 32 bytes ff */
#define ONES_HEX   "FFffFFffFFffFFffFFffFFffFFffFFffFFffFFffFFffFFffFFffFFffFFffFFff"
#define ONES_64    "//////////////////////////////////////////8"
#define ONES_64URL "__________________________________________8"

static bool key_is(const struct secret *key, bool ones)
{
	char want[STORE_KEY_SIZE];

	for (size_t i = 0; i < sizeof(want); i++)
		want[i] = (char)(ones ? 0xff : i);
	return secret_len(key) == sizeof(want) &&
		memcmp(secret_expose(key), want, sizeof(want)) == 0;
}

static void key_forms(void)
{
	static const struct {
		const char *file;
		bool ones;
	} table[] = {
		{KEY_HEX, false},
		{KEY_HEX "\n", false},
		{KEY_HEX "\r\n", false},
		{KEY_64, false},
		{KEY_64 "\n", false},
		{KEY_64 "=", false},
		{KEY_64 "=\n", false},
		{ONES_HEX, true},
		{ONES_64 "=\n", true},
		{ONES_64URL, true},
	};
	struct secret *key = NULL;

	begin();
	for (size_t i = 0; i < ELEMENTS(table); i++) {
		file_of(at("key"), table[i].file, strlen(table[i].file), 0600);
		CHECK_INT(store_key_read(at("key"), false, &key, &fault), 0);
		CHECK(key_is(key, table[i].ones));
		key = secret_free(key);
	}
	file_of(at("key"),
		"\0\1\2\3\4\5\6\7\b\t\n\v\f\r\16\17\20\21\22\23\24\25\26\27"
		"\30\31\32\33\34\35\36\37",
		32, 0600);
	CHECK_INT(store_key_read(at("key"), false, &key, &fault), 0);
	CHECK(key_is(key, false));
	key = secret_free(key);
	FILE_OF(at("key"), "thirty-two printable characters!", 0600);
	CHECK_INT(store_key_read(at("key"), false, &key, &fault), 0);
	CHECK_TEXT(secret_expose(key), "thirty-two printable characters!");
	secret_free(key);
	end();
}

static void key_refused(void)
{
	static const char *const files[] = {
		"",
		"\n",
		"short",
		"thirty-two printable characters!\n",
		KEY_HEX "0",
		KEY_HEX "\n\n",
		KEY_HEX " ",
		"g" KEY_HEX,
		"00010203040506070809 a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
		"0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1z",
		KEY_64 "==",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh!",
		"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8A",
	};
	struct secret *key = NULL;

	begin();
	for (size_t i = 0; i < ELEMENTS(files); i++) {
		fault.kind = FAULT_NONE;
		file_of(at("key"), files[i], strlen(files[i]), 0600);
		CHECK_INT(store_key_read(at("key"), false, &key, &fault), -EBADMSG);
		CHECK_FAULT(FAULT_MISCONFIGURED, "holds no key");
		CHECK(key == NULL);
		if (strlen(files[i]) > 4)
			CHECK(!strstr(fault.detail, files[i])); /* not even a broken one is told */
	}
	CHECK_INT(store_key_read(at("none"), false, &key, &fault), -ENOENT);
	CHECK_FAULT(FAULT_MISCONFIGURED, "No such file");
	CHECK_INT(store_key_read("key", false, &key, &fault), -EINVAL);
	CHECK_FAULT(FAULT_MISCONFIGURED, "not an absolute path");
	end();
}

static void key_made(void)
{
	struct secret *first = NULL, *again = NULL;

	begin();
	CHECK_INT(store_key_own(store, &first, &fault), 0);
	CHECK_INT(secret_len(first), STORE_KEY_SIZE);
	CHECK_INT(mode_of(at("state/store.key")), 0600);
	CHECK(!exists(at("state/.store.key.tmp")));
	CHECK_INT(store_write(store, "crm", "sealed", 6, &fault), 0);
	reopen();
	CHECK_INT(store_key_own(store, &again, &fault), 0);
	CHECK(secret_equal(first, again));
	again = secret_free(again);
	CHECK_INT(unlink(at("state/store.key")), 0);
	CHECK_INT(store_key_own(store, &again, &fault), -ENOKEY);
	CHECK_FAULT(FAULT_STORAGE, "crm.grant was sealed with it");
	CHECK(!exists(at("state/store.key")));
	CHECK_INT(unlink(at("state/crm.grant")), 0);
	CHECK_INT(store_key_own(store, &again, &fault), 0);
	CHECK(!secret_equal(first, again));
	secret_free(first);
	secret_free(again);
	end();
}

static void key_made_is_guarded(void)
{
	struct secret *key = NULL;

	begin();
	FILE_OF(at("state/store.key"), KEY_HEX "\n", 0644);
	CHECK_INT(store_key_own(store, &key, &fault), -EPERM);
	CHECK_FAULT(FAULT_STORAGE, "run chmod");
	CHECK_INT(chmod(at("state/store.key"), 0600), 0);
	CHECK_INT(store_key_own(store, &key, &fault), 0);
	CHECK(key_is(key, false));
	key = secret_free(key);
	CHECK_INT(unlink(at("state/store.key")), 0);
	REQUIRE(symlink("elsewhere", at("state/store.key")) == 0);
	CHECK_INT(store_key_own(store, &key, &fault), -ELOOP);
	CHECK(key == NULL);
	end();
}

static void origins(void)
{
	CHECK_TEXT(store_key_origin_to_string(STORE_KEY_CREDENTIAL), "credential");
	CHECK_TEXT(store_key_origin_to_string(STORE_KEY_FILE), "file");
	CHECK_TEXT(store_key_origin_to_string(STORE_KEY_MADE), "generated");
}

static int secret_of(mode_t mode, bool credential, const char *data, size_t len, const char *want)
{
	struct secret *s = NULL;
	int r;

	file_of(at("secret"), data, len, mode);
	fault = (struct fault){.kind = FAULT_NONE};
	r = store_secret_read(at("secret"), credential, &s, &fault);
	if (r == 0)
		CHECK_TEXT(secret_expose(s), want);
	else
		CHECK(s == NULL);
	secret_free(s);
	return r;
}

static void secrets_read(void)
{
	begin();
	CHECK_INT(secret_of(0600, false, "s3cret", 6, "s3cret"), 0);
	CHECK_INT(secret_of(0600, false, "s3cret\n", 7, "s3cret"), 0);
	CHECK_INT(secret_of(0600, false, "s3cret\r\n", 8, "s3cret"), 0);
	CHECK_INT(secret_of(0600, false, "s3cret\n\n", 8, "s3cret\n"), 0);
	CHECK_INT(secret_of(0600, false, " s3cret\r", 8, " s3cret\r"), 0);
	CHECK_INT(secret_of(0600, false, "", 0, NULL), -ENODATA);
	CHECK_FAULT(FAULT_MISCONFIGURED, "is empty");
	CHECK_INT(secret_of(0600, false, "\n", 1, NULL), -ENODATA);
	CHECK_INT(secret_of(0600, false, "\r\n", 2, NULL), -ENODATA);
	end();
}

static void secrets_guarded(void)
{
	static const mode_t fine[] = {0600, 0400, 0640, 0440, 0750};
	static const mode_t open_to_others[] = {0644, 0604, 0602, 0601, 0660, 0620};

	begin();
	for (size_t i = 0; i < ELEMENTS(fine); i++)
		CHECK_INT(secret_of(fine[i], false, "x", 1, "x"), 0);
	for (size_t i = 0; i < ELEMENTS(open_to_others); i++) {
		CHECK_INT(secret_of(open_to_others[i], false, "x", 1, NULL), -EPERM);
		CHECK_FAULT(FAULT_MISCONFIGURED, "run chmod");
		CHECK_INT(secret_of(open_to_others[i], true, "x", 1, "x"), 0);
	}
	end();
}

static void secrets_refused(void)
{
	struct secret *s = NULL;
	char *large = mem_alloc(STORE_SECRET_MAX + 1);

	begin();
	memset(large, 'x', STORE_SECRET_MAX);
	CHECK_INT(secret_of(0600, false, large, STORE_SECRET_MAX, large), 0);
	CHECK_INT(secret_of(0600, false, large, STORE_SECRET_MAX + 1, NULL), -EMSGSIZE);
	mem_free(large);
	CHECK_INT(store_secret_read("secret", false, &s, &fault), -EINVAL);
	CHECK_INT(store_secret_read(at("none"), false, &s, &fault), -ENOENT);
	CHECK_FAULT(FAULT_MISCONFIGURED, "No such file");
	CHECK_INT(store_secret_read(at("state"), false, &s, &fault), -EISDIR);
	REQUIRE(mkfifo(at("fifo"), 0600) == 0);
	CHECK_INT(store_secret_read(at("fifo"), false, &s, &fault), -ENXIO);
	CHECK_FAULT(FAULT_MISCONFIGURED, "not a regular file");
	CHECK_INT(store_secret_read("/dev/zero", true, &s, &fault), -ENXIO);
	CHECK(s == NULL);
	end();
}

static void files_read(void)
{
	struct buf b = BUF(10);
	unsigned mode = 0;

	begin();
	FILE_OF(at("file"), "0123456789", 0644);
	REQUIRE(symlink("file", at("link")) == 0);
	CHECK_INT(store_file_read(at("link"), &b, &mode, &fault), 0);
	CHECK_TEXT(buf_text(&b), "0123456789");
	CHECK_INT(mode, 0644);
	FILE_OF(at("file"), "0123", 0640);
	CHECK_INT(store_file_read(at("file"), &b, NULL, &fault), 0);
	CHECK_TEXT(buf_text(&b), "0123");
	FILE_OF(at("file"), "0123456789a", 0644);
	CHECK_INT(store_file_read(at("file"), &b, &mode, &fault), -EMSGSIZE);
	CHECK_FAULT(FAULT_MISCONFIGURED, "too large");
	CHECK_TEXT(buf_text(&b), "0123");
	FILE_OF(at("file"), "4567", 0664);
	CHECK_INT(store_file_read(at("file"), &b, &mode, &fault), -EPERM);
	CHECK_FAULT(FAULT_MISCONFIGURED, "can be written by others (mode 0664): run chmod go-w");
	CHECK_TEXT(buf_text(&b), "0123");
	FILE_OF(at("file"), "0123", 0602);
	CHECK_INT(store_file_read(at("file"), &b, &mode, &fault), -EPERM);
	CHECK_INT(store_file_read(at("state"), &b, &mode, &fault), -EISDIR);
	CHECK_INT(mode, 0644);
	buf_done(&b);
	end();
}

static bool fail_all(size_t size)
{
	(void)size;
	return true;
}

static void memory_short(void)
{
	struct buf b = BUF(100);
	struct secret *s = NULL;
	struct store *other = NULL;

	begin();
	CHECK_INT(store_write(store, "crm", "old", 3, &fault), 0);
	FILE_OF(at("secret"), KEY_HEX, 0600);
	mem_set_failure(fail_all);
	CHECK_INT(store_read(store, "crm", &b, &fault), -ENOMEM);
	CHECK_INT(store_prove(store, 100, &fault), -ENOMEM);
	CHECK_INT(store_secret_read(at("secret"), false, &s, &fault), -ENOMEM);
	CHECK_INT(store_key_read(at("secret"), false, &s, &fault), -ENOMEM);
	CHECK_INT(store_open(at("x"), &other, &fault), -ENOMEM);
	CHECK_INT(fault.kind, FAULT_INTERNAL);
	CHECK_INT(store_write(store, "crm", "new", 3, &fault), 0); /* takes none */
	mem_set_failure(NULL);
	CHECK_TEXT(record("crm"), "new");
	CHECK(s == NULL && other == NULL);
	end();
}

static void machine_id_steady(void)
{
	static const uint8_t none[16];
	uint8_t one[16], two[16];

	memset(one, 1, sizeof(one));
	memset(two, 2, sizeof(two));
	store_machine_id(one);
	store_machine_id(two);
	CHECK(memcmp(one, two, sizeof(one)) == 0);
	if (memcmp(one, none, sizeof(one)) == 0)
		printf("# this machine has no id\n");
}

static const struct test tests[] = {
	{"a record is found as it was last written, also after a restart", replaced},
	{"a record of a megabyte is read whole, or refused when that is too much", large_records},
	{"a name that is not a connection's touches no file", bad_names},
	{"links, fifos and directories in place of a record are not followed", links_not_followed},
	{"what a crash left half-written is removed at the next start, nothing else", leftovers},
	{"the state directory and its parents are made, and may be a link", directories_made},
	{"a directory of another user, or that others may write in, is refused",
		directories_refused},
	{"a second agent is told the pid of the first", one_owner},
	{"a killed owner leaves no lock", lock_dies_with_owner},
	{"proving the store leaves nothing behind", proved},
	{"records put aside get names of their own", put_aside},
	{"a key is read in each of its forms", key_forms},
	{"what is no key is refused, and not shown", key_refused},
	{"a key is made once, and not again while records need the lost one", key_made},
	{"a key others can read is refused", key_made_is_guarded},
	{"the origin of the key has a name", origins},
	{"a secret loses one line end, and is never empty", secrets_read},
	{"a secret open to others is refused unless it is a credential", secrets_guarded},
	{"a secret is a small regular file at an absolute path", secrets_refused},
	{"a plain file is read whole with its mode, through links", files_read},
	{"short memory is told, and does not stop a write", memory_short},
	{"the machine id stays the same", machine_id_steady},
};

TEST_MAIN(tests)
