/* SPDX-License-Identifier: BSD-2-Clause */

/* From the configuration file to what the agent runs on. grantd.yaml(5). */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/settings.h"
#include "base/mem.h"
#include "base/text.h"
#include "host/http.h"
#include "host/store.h"
#include "host/users.h"
#include "oauth/assertion.h"

/* One load: where faults go and what paths and keys they are about. */
struct load {
	const char *path;
	const char *credentials;
	bool check_only;
	unsigned mode; /* of the configuration file */
	struct config_faults *faults;
};

#define PATH_TEXT_MAX 4096
/* A name of 63 letters and the longest key. */
#define KEY_TEXT_MAX 128

static void key_of(const struct config_connection *cc, const char *name, char ret[KEY_TEXT_MAX])
{
	(void)snprintf(ret, KEY_TEXT_MAX, "connections.%s.%s", cc->setup.name, name); /* fits */
}

static void access_done(struct access *a)
{
	a->uids = mem_free(a->uids);
	a->gids = mem_free(a->gids);
	a->n_uids = a->n_gids = 0;
}

struct settings *settings_free(struct settings *s)
{
	if (!s)
		return NULL;
	access_done(&s->operators);
	for (size_t i = 0; s->allow && i < s->config->n_connections; i++)
		access_done(&s->allow[i]);
	mem_free(s->allow);
	secret_free(s->store_key_given);
	config_free(s->config);
	return mem_free(s);
}

static bool access_has_gid(const struct access *a, gid_t gid)
{
	for (size_t i = 0; i < a->n_gids; i++)
		if (a->gids[i] == gid)
			return true;
	return false;
}

static bool access_matches_group(const struct access *a, const struct peer *peer)
{
	if (access_has_gid(a, peer->gid))
		return true;
	for (size_t i = 0; i < peer->n_groups; i++)
		if (access_has_gid(a, peer->groups[i]))
			return true;
	return false;
}

bool access_matches(const struct access *a, const struct peer *peer)
{
	for (size_t i = 0; i < a->n_uids; i++)
		if (a->uids[i] == peer->uid)
			return true;
	if (access_matches_group(a, peer))
		return true;
	/* A user or group that matches was enough above: what is left is a unit on its own. */
	return a->units && peer->unit_proven && peer->unit[0] && names_have(a->units, peer->unit);
}

static int resolve_users(
	struct load *l, const char *key, const struct principals *p, struct access *a)
{
	a->uids = mem_array(p->users.n + 1, sizeof(*a->uids));
	if (!a->uids)
		return -ENOMEM;
	for (size_t i = 0; i < p->users.n; i++) {
		if (users_uid(p->users.items[i], &a->uids[a->n_uids]) < 0)
			config_fault(l->faults, l->path, p->line, p->column, key,
				"there is no user %s here: create it, or take it out",
				p->users.items[i]);
		else
			a->n_uids++;
	}
	return 0;
}

static int resolve_groups(
	struct load *l, const char *key, const struct principals *p, struct access *a)
{
	a->gids = mem_array(p->groups.n + 1, sizeof(*a->gids));
	if (!a->gids)
		return -ENOMEM;
	for (size_t i = 0; i < p->groups.n; i++) {
		if (users_gid(p->groups.items[i], &a->gids[a->n_gids]) < 0)
			config_fault(l->faults, l->path, p->line, p->column, key,
				"there is no group %s here: create it, or take it out",
				p->groups.items[i]);
		else
			a->n_gids++;
	}
	return 0;
}

static int resolve(struct load *l, const char *key, const struct principals *p, struct access *a)
{
	a->units = &p->units;
	if (resolve_users(l, key, p, a) < 0)
		return -ENOMEM;
	return resolve_groups(l, key, p, a);
}

/* The path of a source; false, with a fault where that is one, when there is nothing to read. */
static bool source_path(
	struct load *l, const char *key, const struct source *s, char *ret, size_t size)
{
	int n;

	if (s->kind == SOURCE_FILE) {
		n = snprintf(ret, size, "%s", s->name);
	} else if (l->credentials) {
		n = snprintf(ret, size, "%s/%s", l->credentials, s->name);
	} else {
		if (!l->check_only)
			config_fault(l->faults, l->path, s->line, s->column, key,
				"no credential %s: the service manager passed none; add "
				"LoadCredential=%s:PATH to the unit, or use {file: PATH}",
				s->name, s->name);
		return false;
	}
	if (n > 0 && (size_t)n < size)
		return true;
	config_fault(l->faults, l->path, s->line, s->column, key, "the path is too long");
	return false;
}

/* Read the secret that @name of the connection tells of; *ret stays NULL where there is none, or a
 * fault was told. 0, -ENOMEM. */
static int read_secret(struct load *l, const struct config_connection *cc, const char *name,
	const struct source *s, struct secret **ret)
{
	char path[PATH_TEXT_MAX], key[KEY_TEXT_MAX];
	struct fault why = {.kind = FAULT_NONE};

	key_of(cc, name, key);
	if (s->kind == SOURCE_NONE)
		return 0;
	if (s->kind == SOURCE_LITERAL) {
		if (l->mode & S_IRWXO)
			config_fault(l->faults, l->path, s->line, s->column, key,
				"a secret stands in a file that others can read: chmod o= %s, or use "
				"{file: PATH} or {credential: NAME}",
				l->path);
		*ret = secret_copy(s->literal);
		return *ret ? 0 : -ENOMEM;
	}
	if (source_path(l, key, s, path, sizeof(path)) &&
		store_secret_read(path, s->kind == SOURCE_CREDENTIAL, ret, &why) < 0)
		config_fault(l->faults, l->path, s->line, s->column, key, "%s", why.detail);
	return 0;
}

/* See that the key can sign, so that it is not the provider that says so, in other words. */
static int check_client_key(struct load *l, struct config_connection *cc)
{
	const struct source *s = &cc->client_key;
	const struct client *client = &cc->setup.client;
	char algorithm[ASSERTION_ALGORITHM_SIZE], key[KEY_TEXT_MAX];
	struct fault why = {.kind = FAULT_NONE};
	int r;

	if (!client->key ||
		(cc->client_key_passphrase.kind != SOURCE_NONE && !client->key_passphrase))
		return 0;
	key_of(cc, "client_key", key);
	r = assertion_key_check(client->key, client->key_passphrase, client->key_algorithm,
		algorithm, sizeof(algorithm), &why);
	if (r == -EBADMSG)
		config_fault(l->faults, l->path, s->line, s->column, key, "%s %s: %s",
			s->kind == SOURCE_FILE ? "file" : "credential", s->name, why.detail);
	return r == -ENOMEM ? r : 0;
}

static int read_client_secrets(struct load *l, struct config_connection *cc)
{
	struct client *client = &cc->setup.client;
	int r;

	r = read_secret(l, cc, "client_secret", &cc->client_secret, &client->secret);
	if (r == 0)
		r = read_secret(l, cc, "client_key", &cc->client_key, &client->key);
	if (r == 0)
		r = read_secret(l, cc, "client_key_passphrase", &cc->client_key_passphrase,
			&client->key_passphrase);
	return r < 0 ? r : check_client_key(l, cc);
}

static void read_store_key(struct load *l, const struct source *s, struct secret **ret)
{
	char path[PATH_TEXT_MAX];
	struct fault why = {.kind = FAULT_NONE};

	if (s->kind == SOURCE_NONE || !source_path(l, "agent.store_key", s, path, sizeof(path)))
		return;
	if (store_key_read(path, s->kind == SOURCE_CREDENTIAL, ret, &why) < 0)
		config_fault(l->faults, l->path, s->line, s->column, "agent.store_key", "%s",
			why.detail);
}

static void check_ca_file(
	struct load *l, const char *key, const char *ca_file, unsigned line, unsigned column)
{
	struct fault why = {.kind = FAULT_NONE};

	if (ca_file && http_ca_check(ca_file, &why) < 0)
		config_fault(l->faults, l->path, line, column, key, "%s", why.detail);
}

static int load_connection(struct load *l, struct config_connection *cc, struct access *allow)
{
	char key[KEY_TEXT_MAX];
	int r;

	r = read_client_secrets(l, cc);
	if (r < 0)
		return r;
	key_of(cc, "ca_file", key);
	check_ca_file(l, key, cc->ca_file, cc->ca_file_line, cc->ca_file_column);
	key_of(cc, "allow", key);
	return resolve(l, key, &cc->allow, allow);
}

static int load_parts(struct load *l, struct settings *s)
{
	struct config *c = s->config;
	int r;

	s->allow = mem_array(c->n_connections + 1, sizeof(*s->allow));
	if (!s->allow)
		return -ENOMEM;
	r = resolve(l, "agent.operators", &c->operators, &s->operators);
	if (r < 0)
		return r;
	read_store_key(l, &c->store_key, &s->store_key_given);
	check_ca_file(l, "agent.ca_file", c->ca_file, c->ca_file_line, c->ca_file_column);
	for (size_t i = 0; i < c->n_connections; i++) {
		r = load_connection(l, &c->connections[i], &s->allow[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- profiles of the administrator's own --- */

/* Those of @names that stand beside the configuration file; texts and files belong to it. */
struct found {
	struct config_profile *profiles;
	struct buf *texts;
	char **files;
	size_t n;
};

static void found_done(struct found *f)
{
	for (size_t i = 0; i < f->n; i++) {
		buf_done(&f->texts[i]);
		mem_free(f->files[i]);
	}
	mem_free(f->profiles);
	mem_free(f->texts);
	mem_free(f->files);
}

/* DIRECTORY/profiles/NAME.yaml, DIRECTORY being that of the configuration file. */
static char *profile_path(const char *config, const char *name)
{
	const char *slash = strrchr(config, '/');
	struct buf path = BUF(PATH_TEXT_MAX);

	(void)buf_add(&path, config, slash ? (size_t)(slash + 1 - config) : 0); /* they stick */
	(void)buf_printf(&path, "profiles/%s.yaml", name);
	return buf_steal(&path);
}

static int find_profile(struct load *l, const char *name, struct found *ret)
{
	_cleanup_(mem_freep) char *path = profile_path(l->path, name);
	struct buf text = BUF(CONFIG_SIZE_MAX);
	struct fault why = {.kind = FAULT_NONE};
	int r;

	if (!path)
		return -ENOMEM;
	r = store_file_read(path, &text, NULL, &why);
	if (r == 0) {
		ret->profiles[ret->n] = (struct config_profile){
			.name = name,
			.file = path,
			.text = buf_text(&text),
			.len = text.len,
		};
		ret->files[ret->n] = steal(path);
		ret->texts[ret->n++] = text;
		return 0;
	}
	buf_done(&text);
	if (r != -ENOENT && r != -ENOTDIR && r != -ENOMEM)
		config_fault(l->faults, NULL, 0, 0, NULL, "%s", why.detail);
	return r == -ENOMEM ? r : 0;
}

static int find_profiles(struct load *l, const struct names *names, struct found *ret)
{
	int r = 0;

	ret->profiles = mem_array(names->n + 1, sizeof(*ret->profiles));
	ret->texts = mem_array(names->n + 1, sizeof(*ret->texts));
	ret->files = mem_array(names->n + 1, sizeof(*ret->files));
	if (!ret->profiles || !ret->texts || !ret->files)
		return -ENOMEM;
	for (size_t i = 0; i < names->n && r == 0; i++)
		r = find_profile(l, names->items[i], ret);
	return r;
}

static int parse(struct load *l, const struct buf *text, struct config **ret)
{
	_cleanup_(names_done) struct names names = {0};
	_cleanup_(found_done) struct found found = {0};
	int r;

	r = config_providers(buf_text(text), text->len, &names);
	if (r == 0)
		r = find_profiles(l, &names, &found);
	if (r < 0)
		return r;
	return config_parse_with(
		l->path, buf_text(text), text->len, found.profiles, found.n, ret, l->faults);
}

int settings_load(const char *path, const char *credentials, bool check_only, struct settings **ret,
	struct config_faults *faults)
{
	struct load l = {.path = path,
		.credentials = credentials,
		.check_only = check_only,
		.faults = faults};
	_cleanup_(settings_freep) struct settings *s = mem_alloc(sizeof(*s));
	_cleanup_(buf_done) struct buf text = BUF(CONFIG_SIZE_MAX);
	struct fault why = {.kind = FAULT_NONE};
	int r;

	if (!s)
		return -ENOMEM;
	if (store_file_read(path, &text, &l.mode, &why) < 0) {
		/* It names the file itself. */
		config_fault(faults, NULL, 0, 0, NULL, "%s", why.detail);
		return -EINVAL;
	}
	r = parse(&l, &text, &s->config);
	if (r == 0)
		r = load_parts(&l, s);
	if (r < 0)
		return r;
	if (faults->n > 0)
		return -EINVAL;
	*ret = steal(s);
	return 0;
}
