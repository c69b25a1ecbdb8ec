# SPDX-License-Identifier: BSD-2-Clause
"""libcore.a and libctl.a open nothing, read no clock, environment or randomness, and neither log nor
exit: every symbol they want from elsewhere is on the list below."""

import os
import re
import subprocess

import lint

# Only what works on the memory it is given.
LIBC = """
__assert_fail __ctype_b_loc __errno_location __stack_chk_fail
bcmp bsearch calloc explicit_bzero free malloc memchr memcmp memcpy memmem memmove memrchr memset qsort
realloc snprintf stpcpy strcasecmp strcasestr strchr strchrnul strcmp strcspn strlen strncasecmp
strerrordesc_np strncmp strnlen strpbrk strrchr strsep strspn strstr vsnprintf
""".split()

LIBRARIES = r"""
(?!cJSON_InitHooks$)cJSON_\w+ | cJSON_InitHooks
| yaml_(?:parser|event|token|document|get_version)\w*(?<!_file)
| EVP_(?!PKEY_(?:Q_)?keygen|PKEY_generate|RAND_|CIPHER_CTX_rand_key)\w+ | HMAC\w* | HKDF\w* | SHA\d+\w*
| BN_(?:bin2bn|bn2binpad|free) | ECDSA_SIG_\w+ | d2i_ECDSA_SIG | i2d_ECDSA_SIG
| OSSL_DECODER_(?:CTX_\w+(?<!_ui)|from_data) | ERR_set_mark | ERR_pop_to_mark
| OSSL_PARAM_\w+ | OPENSSL_cleanse | CRYPTO_memcmp
"""

COMPILER = r"""
_GLOBAL_OFFSET_TABLE_ | __(?:asan|ubsan|sanitizer|lsan|sancov|gcov|llvm|start|stop|tls_get_addr)\w*
| __\w+_handle_\w+
"""


def undefined(nm_output):
    """Symbols wanted and not defined by another member, from the output of `nm`."""
    wanted, defined = set(), set()
    for line in nm_output.splitlines():
        match = re.fullmatch(r"(?:[0-9a-fA-F]+)? +(\w) (\S+)", line)
        if match:
            (wanted if match.group(1) in "Uvw" else defined).add(match.group(2).split("@")[0])
    return wanted - defined


def libc_name(symbol):
    """The plain name behind what glibc's headers and fortification make of it."""
    match = re.fullmatch(r"__(\w+)_chk|__isoc(?:99|23)_(\w+)", symbol)
    return next(filter(None, match.groups())) if match else symbol


def impure(nm_output):
    allowed = re.compile(f"{LIBRARIES}|{COMPILER}", re.VERBOSE)
    return sorted(
        symbol
        for symbol in undefined(nm_output)
        if libc_name(symbol) not in LIBC
        and symbol not in LIBC
        and not allowed.fullmatch(symbol)
    )


def defined(nm_output):
    """Only the lines of @nm_output that define something."""
    return re.sub(r"^ +[Uvw] .*\n", "", nm_output, flags=re.MULTILINE)


def nm(path):
    command = [os.environ.get("NM", "nm"), path]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


LIBRARY_OF = {"libcore.a": "mem_alloc", "libctl.a": "show_status"}  # and a function of it


def main():
    planted = "open openat read write socket clock_gettime time getrandom RAND_bytes getenv printf"
    planted += " __printf_chk fprintf stderr syslog exit system fork execve fopen getpwnam strerror"
    planted += " yaml_parser_set_input_file EVP_PKEY_keygen EVP_PKEY_Q_keygen EVP_PKEY_generate random"
    planted += " EVP_RAND_generate BN_rand OSSL_DECODER_from_fp OSSL_DECODER_CTX_set_passphrase_ui"
    tap = lint.Tap(2 + 2 * len(LIBRARY_OF))
    missed = [s for s in planted.split() if impure(f"{'':16} U {s}\n") != [s]]
    tap.result(not missed, "catches what reaches outside the process", missed)
    pure = f"{'':16} U memcpy\n{'':16} U __memcpy_chk\n{'':16} U helper\n{0:016x} T helper\n"
    tap.result(not impure(pure), "accepts libc on memory, and symbols of other members")
    outputs = {library: nm(library) for library in LIBRARY_OF}
    for library, function in LIBRARY_OF.items():
        tap.result(f" T {function}\n" in outputs[library], f"{library} is read")
        found = impure(outputs[library] + defined(outputs["libcore.a"]))
        tap.result(not found, f"{library} is pure", found)
    tap.done()


main()
