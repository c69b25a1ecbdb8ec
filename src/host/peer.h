/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Who is at the other end of a Unix socket, from the kernel and not from what he says. */
struct peer {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* SO_PEERGROUPS */
	size_t n_groups;
	pid_t pid;
	bool unit_proven; /* unit was read through SO_PEERPIDFD: sound against pid reuse */
	char unit[256];   /* of the system manager, "" where it is none or not known */
};

/* Read uid, gid, pid and groups of the peer of @fd into *ret, the unit left empty. 0, -errno. */
int peer_read(int fd, struct peer *ret);

/* Read the unit too; it costs a few files of /proc. It stays "" where the process is gone, in no
 * unit of the system manager, or hidden from us (ProtectProc=). */
void peer_read_unit(int fd, struct peer *p);

/* Idempotent. */
void peer_done(struct peer *p);

/* The unit of the system manager that @text, the content of /proc/PID/cgroup (cgroups(7)), tells,
 * as a systemd.unit(5) name with its escapes kept; "" for user sessions, containers' roots and
 * whatever is no unit name. @size ≥ 1; a name that does not fit is "". */
void peer_unit_from_cgroup(const char *text, char *ret, size_t size);
