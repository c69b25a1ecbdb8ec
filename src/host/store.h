/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/fault.h"
#include "base/secret.h"

/* Files that survive a crash: bytes in, bytes out, below one directory that belongs to one process
 * at a time. Names are connection names. Everything goes through a dirfd with O_NOFOLLOW; a write
 * is temp → fsync → rename → fsync(directory). */
struct store;

/* Open (made 0700 when missing, and its parents) and lock the state directory; what a crash left
 * half-written is removed. Returns 0; -EBUSY with @reterr when another agent has it, naming its
 * pid; -EPERM where it belongs to another user or others may write in it; other -errno, all with
 * @reterr (kind storage). */
int store_open(const char *directory, struct store **ret, struct fault *reterr);
/* The same of the directory that @take_dirfd is open on, which has to be there; @name tells of it
 * in texts. */
int store_adopt(int take_dirfd, const char *name, struct store **ret, struct fault *reterr);
struct store *store_free(struct store *s);
DEFINE_CLEANUP(struct store, store_free)

/* Open the directory @group/@name below the store, made 0700 when missing, for another process of
 * ours. 0 with a descriptor in *ret_fd; -errno with @reterr. */
int store_directory(
	struct store *s, const char *group, const char *name, int *ret_fd, struct fault *reterr);

/* Prove that a record can be written now: write, sync and remove a probe of @size bytes. 0, -errno
 * with @reterr. */
int store_prove(struct store *s, size_t size, struct fault *reterr);

/* Read the record @name into @ret, in place of what that held. 0; -ENOENT with @reterr untouched;
 * -EMSGSIZE past @ret->max; -errno, both with @reterr. */
int store_read(struct store *s, const char *name, struct buf *ret, struct fault *reterr);

/* Replace the record @name: on return 0 it is on disk and any crash finds either the old or the new
 * one. -errno with @reterr, where either may be found. */
int store_write(
	struct store *s, const char *name, const void *data, size_t len, struct fault *reterr);

/* Put the record @name aside as "NAME.unreadable-N", never over another. The new file name is put
 * in @ret_aside (may be NULL). 0; -errno with @reterr. */
int store_aside(struct store *s, const char *name, struct buf *ret_aside, struct fault *reterr);

/* The key that seals records: so many bytes. */
#define STORE_KEY_SIZE 32

enum store_key_origin { STORE_KEY_CREDENTIAL, STORE_KEY_FILE, STORE_KEY_MADE };
const char *store_key_origin_to_string(
	enum store_key_origin origin); /* "credential" "file" "generated" */

/* Secret files: @path is absolute. One outside the credentials directory (@credential false) is
 * refused with -EPERM when others have any access to it or its group may write it; the service
 * manager sets owner and mode of a credential. Faults are of kind misconfigured. */

/* Read the key from @path: 32 raw bytes, or 64 hexadecimal digits or base64 or base64url of 32
 * bytes with optional line end. 0; -EBADMSG where it is none of these; -errno, all with @reterr. */
int store_key_read(const char *path, bool credential, struct secret **ret, struct fault *reterr);

/* Read the key kept beside the store in "store.key", made with random bytes at first start (temp →
 * fsync → link, 0600); refused with -ENOKEY when there are records but no key, so that a lost key
 * is not papered over. 0; -errno with @reterr. */
int store_key_own(struct store *s, struct secret **ret, struct fault *reterr);

/* Read a small secret file (client secret): 1 byte to STORE_SECRET_MAX, one trailing line end
 * dropped. 0; -errno with @reterr. */
#define STORE_SECRET_MAX (64u * 1024) /* a private key in PEM has 3 KiB */
int store_secret_read(const char *path, bool credential, struct secret **ret, struct fault *reterr);

/* The whole of a regular file that says what to do (the configuration), up to @ret->max bytes, in
 * place of what @ret held; *ret_mode (may be NULL) is its permission bits. 0; -EPERM where others
 * than root and our own user may write it; -errno, both with @reterr (kind misconfigured). */
int store_file_read(const char *path, struct buf *ret, unsigned *ret_mode, struct fault *reterr);

/* The application-specific machine id (sd_id128_get_machine_app_specific); zero bytes where the
 * machine has none. */
void store_machine_id(uint8_t ret[16]);
