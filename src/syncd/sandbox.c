/* SPDX-License-Identifier: BSD-2-Clause */

/* The walls around grantd-sync: landlock(7) for files, seccomp(2) for system calls;
 * grantd-security(7).
 *
 * The filter refuses by a list, with EPERM, rather than allow by one: libcurl, libssl and the C
 * library grow new calls, and none of them is worth more than those below. What is refused is what
 * would reach other processes, other programs, the agent's sockets, or out of the walls. */

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/fd.h"
#include "host/protect.h"
#include "syncd/sandbox.h"

/* --- files --- */

/* What may be read: certificates, the way to names, and the libraries that resolving may load. */
static const char *const readable[] = {
	"/etc/gai.conf",
	"/etc/host.conf",
	"/etc/hosts",
	"/etc/ld.so.cache",
	"/etc/nsswitch.conf",
	"/etc/resolv.conf",
	"/etc/services",
	"/etc/ssl",
	"/lib",
	"/lib64",
	"/run/systemd/resolve",
	"/usr/lib",
	"/usr/lib64",
	"/usr/local/share/ca-certificates",
	"/usr/share/ca-certificates",
};

/* Newer than some headers (Linux 6.2). */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

/* The rights there are at each version of the interface, all of which are taken away. */
#define RIGHTS_1    ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define RIGHTS_2    (RIGHTS_1 | LANDLOCK_ACCESS_FS_REFER)
#define RIGHTS_3    (RIGHTS_2 | LANDLOCK_ACCESS_FS_TRUNCATE)
#define RIGHTS_FILE LANDLOCK_ACCESS_FS_READ_FILE
#define RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_STATE \
	(RIGHTS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_TRUNCATE)

static uint64_t rights_of_kernel(void)
{
	long version = syscall(
		SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);

	if (version < 1)
		return 0;
	return version == 1 ? RIGHTS_1 : version == 2 ? RIGHTS_2 : RIGHTS_3;
}

static int allow_fd(int ruleset, int fd, uint64_t rights)
{
	const struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};

	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0u) < 0)
		return -errno;
	return 0;
}

/* What is not there needs no permission. */
static int allow_path(int ruleset, const char *path)
{
	_cleanup_(fd_closep) int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	return allow_fd(ruleset, fd, S_ISDIR(st.st_mode) ? RIGHTS_READ : RIGHTS_FILE);
}

static int fill_ruleset(
	int ruleset, uint64_t rights, int state_fd, const char *const *ca_files, unsigned n)
{
	int r = allow_fd(ruleset, state_fd, RIGHTS_STATE & rights);

	for (size_t i = 0; i < ELEMENTS(readable) && r == 0; i++)
		r = allow_path(ruleset, readable[i]);
	for (unsigned i = 0; i < n && r == 0; i++)
		if (ca_files[i])
			r = allow_path(ruleset, ca_files[i]);
	return r;
}

/* Returns 1 where the kernel has no Landlock. */
static int restrict_files(int state_fd, const char *const *ca_files, unsigned n)
{
	const struct landlock_ruleset_attr rights = {.handled_access_fs = rights_of_kernel()};
	_cleanup_(fd_closep) int ruleset = -1;
	int r;

	if (rights.handled_access_fs == 0)
		return 1;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &rights, sizeof(rights), 0u);
	if (ruleset < 0)
		return -errno;
	r = fill_ruleset(ruleset, rights.handled_access_fs, state_fd, ca_files, n);
	if (r == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0u) < 0)
		r = -errno;
	return r;
}

/* --- system calls --- */

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCHITECTURE AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define ARCHITECTURE AUDIT_ARCH_S390X
#else
#error "the architecture of the system call filter has to be named here"
#endif

/* Refused whatever their arguments are. */
static const int refused[] = {
	SYS_execve, SYS_execveat,                                           /* other programs */
	SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp,  /* other processes */
	SYS_pidfd_open, SYS_pidfd_getfd, SYS_pidfd_send_signal, SYS_tkill,  /* … */
	SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_process_madvise,    /* … */
	SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_move_mount, /* other roots */
	SYS_open_tree, SYS_fsopen, SYS_fsmount, SYS_fspick, SYS_fsconfig,   /* … */
	SYS_mount_setattr, SYS_unshare, SYS_setns, SYS_open_by_handle_at,   /* … */
	SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_keyctl,       /* the kernel's inside */
	SYS_add_key, SYS_request_key, SYS_init_module, SYS_finit_module, /* … */
	SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_swapon,       /* … */
	SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,   /* calls past the filter */
	SYS_setuid, SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, /* who we are */
	SYS_setresgid, SYS_setgroups, SYS_capset, SYS_acct, SYS_quotactl,  /* … */
	SYS_settimeofday, SYS_clock_settime, SYS_sethostname, SYS_syslog,  /* the machine */
};

#define N_REFUSED (sizeof(refused) / sizeof(refused[0]))

#define FIELD(member)     ((uint32_t)offsetof(struct seccomp_data, member))
#define LOAD(member)      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(member))
#define RETURN(value)     BPF_STMT(BPF_RET | BPF_K, (value))
#define REFUSE            RETURN(SECCOMP_RET_ERRNO | EPERM)
#define UNLESS(value, by) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, (by))
#define IF(value, by)     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), (by), 0)

/* Of little-endian and big-endian machines alike: the low half of an argument. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOAD_ARGUMENT(i) LOAD(args[i])
#else
#define LOAD_ARGUMENT(i) \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(args[i]) + (uint32_t)sizeof(uint32_t))
#endif

/* Numbers from here on are those of x32 on x86-64, and nobody's elsewhere. */
#define NUMBERS_END 0x40000000u

static int restrict_calls(void)
{
	const struct sock_filter head[] = {
		LOAD(arch),
		IF(ARCHITECTURE, 1),
		RETURN(SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, NUMBERS_END, 0, 1),
		REFUSE,
		/* A socket of the network, and the one that tells its addresses. */
		UNLESS(SYS_socket, 6),
		LOAD_ARGUMENT(0),
		IF(AF_INET, 3),
		IF(AF_INET6, 2),
		IF(AF_NETLINK, 1),
		REFUSE,
		RETURN(SECCOMP_RET_ALLOW),
		/* A signal to ourselves, as abort(3) sends it. */
		IF(SYS_kill, 1),
		UNLESS(SYS_tgkill, 4),
		LOAD_ARGUMENT(0),
		IF(getpid(), 1),
		REFUSE,
		RETURN(SECCOMP_RET_ALLOW),
	};
	struct sock_filter filter[ELEMENTS(head) + 2 * N_REFUSED + 1];
	struct sock_fprog program = {.len = ELEMENTS(filter), .filter = filter};
	size_t at = ELEMENTS(head);

	memcpy(filter, head, sizeof(head));
	for (size_t i = 0; i < N_REFUSED; i++) {
		filter[at++] = (struct sock_filter)UNLESS(refused[i], 1);
		filter[at++] = (struct sock_filter)REFUSE;
	}
	filter[at] = (struct sock_filter)RETURN(SECCOMP_RET_ALLOW);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, &program) < 0)
		return -errno;
	return 0;
}

int sandbox_enter(int state_fd, const char *const *ca_files, unsigned n, bool *ret_whole,
	struct fault *reterr)
{
	int files, r;

	r = protect_process();
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = -errno;
	files = r == 0 ? restrict_files(state_fd, ca_files, n) : r;
	if (r == 0)
		r = restrict_calls();
	if (r < 0) {
		fault_set(reterr, FAULT_INTERNAL, "the sandbox can't be set up: %s",
			strerrordesc_np(-r));
		return r;
	}
	*ret_whole = files == 0;
	return 0;
}
