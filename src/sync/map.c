/* SPDX-License-Identifier: BSD-2-Clause */

/* Which field of the source goes to which field of the target: the defaults that Marketo documents
 * for its own sync, changed by the configuration, held against what both sides have. */

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sync/map.h"

static const char *const problem_names[_MAP_PROBLEM_MAX] = {
	[MAP_OK] = "ok",
	[MAP_HIDDEN] = "hidden",
	[MAP_UNKNOWN] = "unknown",
	[MAP_READ_ONLY] = "read_only",
	[MAP_TYPE_CLASH] = "type_clash",
	[MAP_TOO_SHORT] = "too_short",
};

const char *map_problem_to_string(enum map_problem p)
{
	return problem_names[p];
}

struct pair {
	const char *from, *to;
};

static const struct pair lead_defaults[] = {
	{"AnnualRevenue", "annualRevenue"},
	{"City", "city"},
	{"Company", "company"},
	{"Country", "country"},
	{"Description", "mktoPersonNotes"},
	{"Email", "email"},
	{"Fax", "fax"},
	{"FirstName", "firstName"},
	{"HasOptedOutOfEmail", "unsubscribed"},
	{"Industry", "industry"},
	{"LastName", "lastName"},
	{"LeadSource", "leadSource"},
	{"mkto71_Lead_Score__c", "leadScore"},
	{"MobilePhone", "mobilePhone"},
	{"NumberOfEmployees", "numberOfEmployees"},
	{"Phone", "phone"},
	{"PostalCode", "postalCode"},
	{"Rating", "rating"},
	{"Salutation", "salutation"},
	{"State", "state"},
	{"Status", "leadStatus"},
	{"Street", "address"},
	{"Title", "title"},
	{"Website", "website"},
};

static const struct pair contact_defaults[] = {
	{"Birthdate", "dateOfBirth"},
	{"Description", "mktoPersonNotes"},
	{"Email", "email"},
	{"Fax", "fax"},
	{"FirstName", "firstName"},
	{"HasOptedOutOfEmail", "unsubscribed"},
	{"LastName", "lastName"},
	{"LeadSource", "leadSource"},
	{"mkto71_Lead_Score__c", "leadScore"},
	{"MailingCity", "city"},
	{"MailingCountry", "country"},
	{"MailingPostalCode", "postalCode"},
	{"MailingState", "state"},
	{"MailingStreet", "address"},
	{"MobilePhone", "mobilePhone"},
	{"Phone", "phone"},
	{"Salutation", "salutation"},
	{"Title", "title"},
	{"Account.AnnualRevenue", "annualRevenue"},
	{"Account.BillingCity", "billingCity"},
	{"Account.BillingCountry", "billingCountry"},
	{"Account.BillingPostalCode", "billingPostalCode"},
	{"Account.BillingState", "billingState"},
	{"Account.BillingStreet", "billingStreet"},
	{"Account.Description", "mktoCompanyNotes"},
	{"Account.Industry", "industry"},
	{"Account.Name", "company"},
	{"Account.NumberOfEmployees", "numberOfEmployees"},
	{"Account.Phone", "mainPhone"},
	{"Account.Sic", "sicCode"},
	{"Account.Site", "site"},
	{"Account.Website", "website"},
};

/* Marketo documents these by what its pages call them; the names its API has for them differ, and
 * who never had its own sync has no such fields. */
static const struct pair lead_labels[] = {
	{"ConvertedDate", "SFDC Converted Date"},
	{"CreatedDate", "SFDC Created Date"},
	{"IsConverted", "SFDC Is Converted"},
	{"IsDeleted", "SFDC Is Deleted"},
};
static const struct pair contact_labels[] = {
	{"CreatedDate", "SFDC Created Date"},
	{"IsDeleted", "SFDC Is Deleted"},
	{"Account.Type", "Account Type"},
};

static const struct {
	const struct pair *pairs;
	size_t n;
	const struct pair *labels;
	size_t n_labels;
} defaults[_SYNC_OBJECT_MAX] = {
	[SYNC_LEAD] = {lead_defaults, ELEMENTS(lead_defaults), lead_labels, ELEMENTS(lead_labels)},
	[SYNC_CONTACT] = {contact_defaults, ELEMENTS(contact_defaults), contact_labels,
		ELEMENTS(contact_labels)},
};

/* What is read of every record, whatever is mapped: nothing works without the first ones; the
 * others tell what became of it, the last ones of leads only. */
static const char *const always[] = {"Id", "SystemModstamp"};
static const char *const fates[] = {
	"IsDeleted", "MasterRecordId", "IsConverted", "ConvertedContactId"};
#define FATES_OF_ALL 2

static const char account_prefix[] = "Account.";

/* Can a field of @to hold what one of @from has? */
static bool fits(enum field_type from, enum field_type to)
{
	switch (to) {
	case FIELD_STRING:
	case FIELD_TEXT:
		return from != FIELD_OTHER;
	case FIELD_FLOAT:
		return from == FIELD_FLOAT || from == FIELD_INTEGER;
	case FIELD_BOOLEAN:
	case FIELD_INTEGER:
	case FIELD_DATE:
	case FIELD_DATETIME:
		return from == to;
	case FIELD_OTHER:
		break;
	}
	return false;
}

static bool is_long(const struct field *from, const struct field *to)
{
	bool text = to->type == FIELD_STRING || to->type == FIELD_TEXT;

	return text && to->length > 0 && from->length > to->length;
}

static enum map_problem problem_of(const struct field *from, const struct field *to)
{
	if (!from)
		return MAP_HIDDEN;
	if (!to)
		return MAP_UNKNOWN;
	if (!to->writable)
		return MAP_READ_ONLY;
	if (!fits(from->type, to->type))
		return MAP_TYPE_CLASH;
	return is_long(from, to) ? MAP_TOO_SHORT : MAP_OK;
}

struct sides {
	const struct fields *source, *account, *target;
};

static const struct field *source_field(const struct sides *sides, const char *from)
{
	if (text_starts(from, account_prefix))
		return fields_find(sides->account, from + strlen(account_prefix));
	return fields_find(sides->source, from);
}

static int add_entry(
	struct map *m, const struct sides *sides, const char *from, const char *to, bool given)
{
	const struct field *target = fields_find(sides->target, to);
	enum map_problem problem = problem_of(source_field(sides, from), target);
	struct map_entry *e, *grown;

	grown = mem_resize(m->entries, (m->n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	m->entries = grown;
	e = &grown[m->n];
	/* The target's own spelling is the one to send. */
	*e = (struct map_entry){
		.from = mem_strdup(from),
		.to = mem_strdup(target ? target->name : to),
		.given = given,
		.problem = problem,
		.to_type = target ? target->type : FIELD_OTHER,
		.to_length = target ? target->length : 0,
	};
	m->n++;
	m->counts[problem]++;
	return e->from && e->to ? 0 : -ENOMEM;
}

static bool is_given(const struct params *given, const char *from, const char *to)
{
	for (size_t i = 0; i < given->n; i++)
		if (text_equal_nocase(given->items[i].name, from) ||
			text_equal_nocase(given->items[i].value, to))
			return true;
	return false;
}

static bool is_excluded(const struct names *exclude, const char *from)
{
	for (size_t i = 0; i < exclude->n; i++)
		if (text_equal_nocase(exclude->items[i], from))
			return true;
	return false;
}

static bool is_mapped(const struct map *m, const char *from)
{
	for (size_t i = 0; i < m->n; i++)
		if (text_equal_nocase(m->entries[i].from, from))
			return true;
	return false;
}

static bool is_read_always(const char *name)
{
	for (size_t i = 0; i < ELEMENTS(always); i++)
		if (text_equal(name, always[i]))
			return true;
	for (size_t i = 0; i < ELEMENTS(fates); i++)
		if (text_equal(name, fates[i]))
			return true;
	return false;
}

static int add_once(struct names *l, const char *name)
{
	return names_have(l, name) ? 0 : names_add(l, name, strlen(name));
}

static int list_system(struct map *m, const struct fields *source)
{
	size_t n = m->object == SYNC_LEAD ? ELEMENTS(fates) : FATES_OF_ALL;
	int r = 0;

	for (size_t i = 0; i < ELEMENTS(always) && r == 0; i++)
		r = add_once(&m->system, always[i]);
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_once(fields_find(source, fates[i]) ? &m->system : &m->unseen, fates[i]);
	return r;
}

static int list_unmapped(struct map *m, const struct fields *source)
{
	for (size_t i = 0; i < source->n; i++) {
		const struct field *f = &source->items[i];

		if (f->type == FIELD_OTHER || is_mapped(m, f->name) || is_read_always(f->name))
			continue;
		if (names_add(&m->unmapped, f->name, strlen(f->name)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int add_default(struct map *m, const struct sync_settings *settings,
	const struct sides *sides, const char *from, const char *to)
{
	if (is_given(&settings->fields[m->object], from, to) ||
		is_excluded(&settings->exclude[m->object], from))
		return 0;
	return add_entry(m, sides, from, to, false);
}

static int add_labelled(
	struct map *m, const struct sync_settings *settings, const struct sides *sides)
{
	int r = 0;

	for (size_t i = 0; i < defaults[m->object].n_labels && r == 0; i++) {
		const struct pair *p = &defaults[m->object].labels[i];
		const struct field *to = fields_find_label(sides->target, p->to);

		if (to && to->writable)
			r = add_default(m, settings, sides, p->from, to->name);
	}
	return r;
}

static int add_all(struct map *m, const struct sync_settings *settings, const struct sides *sides)
{
	const struct params *given = &settings->fields[m->object];
	int r = 0;

	for (size_t i = 0; i < given->n && r == 0; i++)
		r = add_entry(m, sides, given->items[i].name, given->items[i].value, true);
	for (size_t i = 0; i < defaults[m->object].n && r == 0; i++)
		r = add_default(m, settings, sides, defaults[m->object].pairs[i].from,
			defaults[m->object].pairs[i].to);
	if (r == 0)
		r = add_labelled(m, settings, sides);
	if (r == 0)
		r = list_system(m, sides->source);
	return r < 0 ? r : list_unmapped(m, sides->source);
}

int map_make(enum sync_object object, const struct sync_settings *settings,
	const struct fields *source, const struct fields *account, const struct fields *target,
	struct map *ret)
{
	const struct sides sides = {source, account, target};
	struct map m = {.object = object};
	int r;

	r = add_all(&m, settings, &sides);
	if (r < 0) {
		map_done(&m);
		return r;
	}
	*ret = m;
	return 0;
}

void map_done(struct map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		mem_free(m->entries[i].from);
		mem_free(m->entries[i].to);
	}
	mem_free(m->entries);
	names_done(&m->system);
	names_done(&m->unseen);
	names_done(&m->unmapped);
	*m = (struct map){.object = m->object};
}

bool map_entry_is_used(const struct map_entry *e)
{
	return e->problem == MAP_OK || e->problem == MAP_TOO_SHORT;
}

static void tell_problem(const struct map *m, const struct map_entry *e, struct fault *reterr)
{
	const char *object = sync_object_api_name(m->object);

	switch (e->problem) {
	case MAP_HIDDEN:
		fault_set(reterr, FAULT_MISCONFIGURED,
			"%s.%s is not visible to the user of the source: give that user the right to read "
			"it (field-level security), or name it under exclude",
			object, e->from);
		break;
	case MAP_UNKNOWN:
		fault_set(reterr, FAULT_MISCONFIGURED,
			"the target has no field %s, which %s.%s is mapped to: create it there, or "
			"correct the name",
			e->to, object, e->from);
		break;
	case MAP_READ_ONLY:
		fault_set(reterr, FAULT_MISCONFIGURED,
			"the target's field %s, which %s.%s is mapped to, can't be written: map it to "
			"another one",
			e->to, object, e->from);
		break;
	case MAP_TYPE_CLASH:
		fault_set(reterr, FAULT_MISCONFIGURED,
			"%s.%s does not fit into the target's field %s, which is of another type: map it "
			"to another one",
			object, e->from, e->to);
		break;
	case MAP_OK:
	case MAP_TOO_SHORT:
	case _MAP_PROBLEM_MAX:
		break;
	}
}

/* With email as the key it has to be mapped; the id needs no entry. */
static bool key_is_missing(const struct map *m, const struct sync_settings *settings)
{
	if (sync_key_is_id(settings))
		return false;
	for (size_t i = 0; i < m->n; i++)
		if (map_entry_is_used(&m->entries[i]) &&
			text_equal_nocase(m->entries[i].to, settings->key))
			return false;
	return true;
}

/* What no record of a person is without: where it is hidden, the rights of the user are not what a
 * sync needs. */
static bool is_basic(const struct map_entry *e)
{
	static const char *const names[] = {"Email", "LastName", "Company", "Status"};

	for (size_t i = 0; i < ELEMENTS(names); i++)
		if (text_equal(e->from, names[i]))
			return true;
	return false;
}

static bool entry_blocks(const struct map_entry *e)
{
	if (e->given)
		return !map_entry_is_used(e);
	return e->problem == MAP_HIDDEN && is_basic(e);
}

bool map_blocked(const struct map *m, const struct sync_settings *settings, struct fault *reterr)
{
	for (size_t i = 0; i < m->n; i++)
		if (entry_blocks(&m->entries[i])) {
			tell_problem(m, &m->entries[i], reterr);
			return true;
		}
	if (!key_is_missing(m, settings))
		return false;
	fault_set(reterr, FAULT_MISCONFIGURED,
		"nothing of %s goes to the key %s: let the user of the source see Email, or map another "
		"field to it",
		sync_object_api_name(m->object), settings->key);
	return true;
}

int map_select(const struct map *m, struct names *ret)
{
	struct names l = {0};
	int r = 0;

	for (size_t i = 0; i < m->system.n && r == 0; i++)
		r = add_once(&l, m->system.items[i]);
	for (size_t i = 0; i < m->n && r == 0; i++)
		if (map_entry_is_used(&m->entries[i]))
			r = add_once(&l, m->entries[i].from);
	if (r < 0) {
		names_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}
