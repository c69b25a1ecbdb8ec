#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Feeds each fuzz target of $FUZZ_TARGETS its corpus, told as TAP. $FUZZ_FLAGS is what libFuzzer
# needs to hear to do no more than that.
set -u

# shellcheck disable=SC2086 # a list
set -- $FUZZ_TARGETS
echo "1..$#"
number=0
status=0
for target; do
	number=$((number + 1))
	name=${target##*/fuzz-}
	verdict=ok
	# shellcheck disable=SC2086 # none, or one
	said=$("./$target" ${FUZZ_FLAGS-} "${srcdir:-.}/tests/fuzz/corpus/$name" 2>&1) || verdict='not ok'
	[ "$verdict" = ok ] || status=1
	printf '%s\n' "$said" | sed 's/^/# /'
	echo "$verdict $number - the corpus of $name is handled"
done
exit $status
