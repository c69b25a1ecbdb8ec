/* SPDX-License-Identifier: BSD-2-Clause */
#pragma once

/* Ownership helpers: _cleanup_(x_freep) frees a local at the end of its scope, steal() moves it
 * out. */

#define _cleanup_(f) __attribute__((cleanup(f)))

#define steal(pointer) \
	({ \
		__typeof__(pointer) *_from = &(pointer); \
		__typeof__(pointer) _stolen = *_from; \
		*_from = NULL; \
		_stolen; \
	})

/* Defines FREEp(TYPE **), for _cleanup_, from TYPE *FREE(TYPE *). */
#define DEFINE_CLEANUP(type, free) \
	static inline void free##p(type **p) \
	{ \
		*p = free(*p); \
	}

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))
