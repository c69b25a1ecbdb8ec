#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Makes ./configure from a checkout. A release archive has it already.
set -eu
cd "$(dirname "$0")"

if ! command -v autoreconf >/dev/null || ! command -v automake >/dev/null; then
	echo "autogen.sh: autoconf or automake not found: install autoconf and automake" >&2
	exit 1
fi
mkdir -p build-aux
autoreconf --force --install --warnings=all
echo "Now run: ./configure --prefix=/usr --sysconfdir=/etc --localstatedir=/var && make"
