# SPDX-License-Identifier: BSD-2-Clause
# Makes of the profiles given, in that order, the C file they are built in by.

# @line as a C string.
function quoted(line,    parts, count, i, text)
{
	gsub(/\\/, "&&", line)
	count = split(line, parts, "\"")
	text = parts[1]
	for (i = 2; i <= count; i++)
		text = text "\\\"" parts[i]
	return "\"" text "\\n\""
}

BEGIN {
	print "/* Made by conf/profiles.awk: do not edit. */\n"
	print "#include \"config/config.h\""
}

FNR == 1 {
	if (n > 0)
		print ";"
	name = FILENAME
	sub(/^.*\//, "", name)
	sub(/\.yaml$/, "", name)
	names[++n] = name
	printf "\nstatic const char text_%d[] =", n
}

{
	printf "\n\t%s", quoted($0)
}

END {
	print ";\n\nconst struct config_profile config_builtins[] = {"
	for (i = 1; i <= n; i++)
		printf "\t{\"%s\", \"built-in profile %s\", text_%d, sizeof(text_%d) - 1},\n", \
			names[i], names[i], i, i
	print "};"
	print "const size_t config_n_builtins = " n ";"
}
