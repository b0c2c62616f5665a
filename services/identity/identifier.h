/* SPDX-License-Identifier: Apache-2.0 */
/* What identifies people: kinds in their order of strength, values in one form each, and how an event carries
 * them. */
#ifndef QY_IDENTITY_IDENTIFIER_H
#define QY_IDENTITY_IDENTIFIER_H

#include "common/buffer.h"
#include "common/disguise.h"
#include "services/identity/event.h"
#include "services/identity/keyword.h"
#include "services/identity/phone.h"

#define KINDS_STATED_MAX 32
#define KINDS_MAX (KINDS_STATED_MAX + 6) /* with the hashed ones */
#define KIND_NAME_BYTES 33
#define IDENTIFIER_VALUE_MAX 256
#define IDENTIFIERS_MAX 16 /* of one event; the weakest ones beyond are left out */

/* Hashed forms of phones and emails: hexadecimal digests of the kind before the last underscore. */
#define KINDS_HASHED "phone_sha256 phone_sha1 phone_md5 email_sha256 email_sha1 email_md5"
#define KINDS_STRONG "user_id member_card wechat_unionid phone email wechat_openid"
#define KINDS_WEAK KINDS_HASHED " anonymous_id"
#define KINDS_STANDARD KINDS_STRONG " " KINDS_WEAK

/* In which one form a kind's values are kept. */
enum kind_form {
    FORM_PLAIN,
    FORM_PHONE,
    FORM_EMAIL,
    FORM_OPENID,
    FORM_DIGITS,
    FORM_LOWER,
    FORM_DIGEST,
    FORM_COUNT
};
/* "text", "phone", "email", "openid", "digits", "lower", "digest"; static storage. */
const char *kind_form_name(enum kind_form form);

struct kind {
    char name[KIND_NAME_BYTES];
    size_t name_size;
    enum kind_form form;
    enum digest_algorithm algorithm; /* of FORM_DIGEST */
    unsigned plain;    /* of FORM_DIGEST: the place of the kind that is hashed; itself of others */
    unsigned priority; /* 0 is the strongest */
    unsigned number;   /* from 1; of the state's first kinds as they are listed, never another's */
};

/* Immutable: any thread. */
struct kinds {
    struct kind items[KINDS_MAX];
    unsigned count;
    char region[3];                            /* where phone numbers without a country code belong */
    const struct kind *user_id, *anonymous_id; /* NULL where they are not among them */
};

/* `names`: kinds, the strongest first, with blanks or commas between them. -QY_EINVAL: a name is not
 * [a-z0-9_]{1,32} or is there twice, there are more than KINDS_MAX, or the region is not known. */
int kinds_set(struct kinds *kinds, const char *names, const char *region);
/* Gives each kind the number of its place in `registry`, names with blanks between in the order in which they were first known
 * ("shop_id:digits" of other forms than the name tells), and adds what is new to it; and takes over those that are only there. -QY_EINVAL: there are too many. */
int kinds_register(struct kinds *kinds, struct buffer *registry);
/* Adds one to the registry. */
void kind_register(const struct kind *kind, struct buffer *registry);
/* One more, of the form text, digits or lower, with a number above all others. -QY_EINVAL: it is no name, it is there, the form is none
 * of these, or there are too many. */
int kinds_add(struct kinds *kinds, const char *name, const char *form, const struct kind **ret_kind);
/* By its name alone. */
const struct kind *kind_exact(const struct kinds *kinds, const char *name, size_t size);
const struct kind *kind_numbered(
    const struct kinds *kinds, unsigned number); /* NULL: it is not configured any more */
/* By its name, or as SDKs and shops call it ("unionid", "mobile"); letter case and separators do not count.
 * NULL: none. */
const struct kind *kind_find(const struct kinds *kinds, const char *name, size_t size);

/* The kind of this kind's digests; NULL: none. */
const struct kind *kind_hashed(
    const struct kinds *kinds, const struct kind *plain, enum digest_algorithm algorithm);
/* "md5", "SHA-256"; false: none that is known. */
bool kind_algorithm(const char *name, size_t size, enum digest_algorithm *ret_algorithm);

enum unusable {
    USABLE,
    UNUSABLE_MALFORMED, /* not a value of its kind: no number, no address, too long, control characters */
    UNUSABLE_BLOCKED,   /* a value that stands for nobody: "null", "anonymous", "0000" */
    UNUSABLE_KIND,      /* an external id of a kind that is not configured */
    UNUSABLE_ENCODED,   /* hashed in a way that is not known here, or a kind that no one hashes */
    UNUSABLE_SURPLUS,   /* beyond IDENTIFIERS_MAX */
    UNUSABLE_COUNT
};
/* "blocked", for metrics; static storage. */
const char *unusable_name(enum unusable unusable);

struct identifier {
    const struct kind *kind;
    bool previous; /* alias's previousId: a user_id, or the anonymous_id that is known by this value */
    bool verified; /* as the event says */
    bool blocked;  /* nobody's, by hand or by the rules: the event is as if it did not carry it */
    size_t size;
    char value[IDENTIFIER_VALUE_MAX + 1]; /* in the kind's one form */
    struct phone phone;                   /* of FORM_PHONE */
};

/* Brings a value into its kind's form; `ret_identifier` is written only when USABLE is returned. */
enum unusable identifier_normalise(const struct kinds *kinds, const struct kind *kind, const char *value,
    size_t size, struct identifier *ret_identifier);

/* The usable identifiers of an event, the strongest first, each once. */
struct identifiers {
    struct identifier items[IDENTIFIERS_MAX];
    unsigned order[IDENTIFIERS_MAX]; /* indexes into items, by strength */
    unsigned count;
    unsigned unusable[UNUSABLE_COUNT];
    const char *source; /* context.source, the event's; NULL where it says none */
    size_t source_size;
};
void identifiers_extract(const struct kinds *kinds, struct key_cache *cache, const struct event *event,
    struct identifiers *ret_identifiers);

#endif
