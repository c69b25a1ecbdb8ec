# SPDX-License-Identifier: BSD-2-Clause
"""A throw-away CA and a server certificate for 127.0.0.1 and localhost, by the openssl command."""

import os
import subprocess

SERVER_EXTENSIONS = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, DNS:localhost
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def _openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def make_certificates(directory):
    """Make (once) ca.pem, server.pem and server.key in directory; return their paths."""
    paths = [os.path.join(directory, name) for name in ("ca.pem", "server.pem", "server.key")]
    if all(os.path.exists(path) for path in paths):
        return paths
    os.makedirs(directory, mode=0o755, exist_ok=True)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl(directory, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "7",
             "-subj", "/CN=throw-away test CA", "-addext", "keyUsage=critical,keyCertSign")
    _openssl(directory, "req", *key, "-keyout", "server.key", "-out", "server.csr",
             "-subj", "/CN=127.0.0.1")
    with open(os.path.join(directory, "extensions"), "w", encoding="ascii") as f:
        f.write(SERVER_EXTENSIONS)
    _openssl(directory, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
             "-CAcreateserial", "-days", "7", "-extfile", "extensions", "-out", "server.pem")
    return paths
